import type { Pool } from '@gearman/pool';
import { request } from '@gearman/protocol';
import type { QueueLimit } from './register-options.ts';
import type { FunctionEntry } from './registry.ts';
import type { TextLinks } from './text-links.ts';

/** Jobs and workers of one function, over all servers. */
export interface FunctionStatus {
  /** Jobs that wait or run. */
  readonly total: number;
  readonly queued: number;
  readonly running: number;
  /** Connections that offer the function. */
  readonly workers: number;
}

/** Tells all servers how many jobs of a function they may have; resolves when those connected have read it. */
export async function limitQueue(
  pool: Pool,
  { fullName }: FunctionEntry,
  limit: QueueLimit | null,
): Promise<void> {
  pool.setMaxQueue(fullName, limit);
  // Its answer says that what was sent before has been read.
  const echo = request('ECHO_REQ', { data: new Uint8Array(0) });
  const connections = pool.connections.filter(({ ready }) => ready);
  await Promise.all(connections.map((each) => each.ask(echo)));
}

/** Asks all connected servers, at least one, and adds their figures. */
export async function reportFunction(
  pool: Pool,
  { wireName }: FunctionEntry,
  links: TextLinks,
): Promise<FunctionStatus> {
  await pool.acquire();
  const connections = pool.connections.filter(({ ready }) => ready);
  const answers = await Promise.all(connections.map(({ address }) => links.ask(address, 'status')));
  const rows = answers.flat().map((line) => line.split('\t'));
  const sum = (column: number): number =>
    rows.reduce((total, row) => (row[0] === wireName ? total + figure(row.at(column)) : total), 0);
  const [total, running, workers] = [sum(-3), sum(-2), sum(-1)];
  return { total, queued: Math.max(0, total - running), running, workers };
}

function figure(text: string | undefined): number {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : 0;
}
