import { formatCommand, type TextCommand } from '@gearman/protocol';
import type { CallOptions } from './options.ts';
import {
  type Origin,
  parseJobs,
  parsePriorityStatus,
  parseStatus,
  parseUniqueJobs,
  parseWorkers,
} from './parse.ts';
import { type Answer, askAll, type PerServer } from './per-server.ts';
import type { FunctionStatus, JobInfo, PriorityStatus, UniqueJobInfo, WorkerInfo } from './schemas.ts';
import type { ServerLink } from './server-link.ts';

/** The answer to {@link Admin.status}. */
export interface StatusReport extends PerServer<readonly FunctionStatus[]> {
  /** Every function that some server knows, by name, with the sums of all servers that answered. */
  readonly functions: readonly FunctionStatus[];
}

/** The answer to {@link Admin.priorityStatus}. */
export interface PriorityReport extends PerServer<readonly PriorityStatus[]> {
  /** Every function that some server knows, by name, with the sums of all servers that answered. */
  readonly functions: readonly PriorityStatus[];
}

/** The answer to {@link Admin.workers}. */
export interface WorkersReport extends PerServer<readonly WorkerInfo[]> {
  /** The connections of all servers that answered, by server and number. */
  readonly workers: readonly WorkerInfo[];
}

/** The answer to {@link Admin.jobs}. */
export interface JobsReport extends PerServer<readonly JobInfo[]> {
  /** The jobs of all servers that answered. */
  readonly jobs: readonly JobInfo[];
}

/** The answer to {@link Admin.uniqueJobs}. */
export interface UniqueJobsReport extends PerServer<readonly UniqueJobInfo[]> {
  /** The jobs of all servers that answered. */
  readonly jobs: readonly UniqueJobInfo[];
}

type Links = readonly ServerLink[];

/**
 * Asks one server and reads its answer.
 *
 * An ECHO_REQ behind each command marks the end of the answer, because a line of a list may hold anything: a unique id
 * may be `.`, which ends lists.
 */
export async function query<T>(
  link: ServerLink,
  command: TextCommand,
  args: readonly string[],
  parse: (lines: readonly string[], origin: Origin) => T,
  options?: CallOptions,
): Promise<T> {
  const line = formatCommand(command, args);
  const lines = await link.ask(line, 'fenced', options);
  return parse(lines, { server: link.server, command });
}

export async function readStatus(links: Links, options?: CallOptions): Promise<StatusReport> {
  const result = await askAll(links, (link) => query(link, 'status', [], parseStatus, options));
  return { functions: sum(result.answers, ['total', 'queued', 'running', 'workers']), ...result };
}

export async function readPriorityStatus(links: Links, options?: CallOptions): Promise<PriorityReport> {
  const result = await askAll(links, (link) =>
    query(link, 'prioritystatus', [], parsePriorityStatus, options),
  );
  return { functions: sum(result.answers, ['high', 'normal', 'low', 'workers']), ...result };
}

export async function readWorkers(links: Links, options?: CallOptions): Promise<WorkersReport> {
  const result = await askAll(links, (link) => query(link, 'workers', [], parseWorkers, options));
  const workers = result.answers.flatMap(({ value }) =>
    value.toSorted((a, b) => a.connectionId - b.connectionId),
  );
  return { workers, ...result };
}

export async function readJobs(links: Links, options?: CallOptions): Promise<JobsReport> {
  const result = await askAll(links, (link) => query(link, 'show jobs', [], parseJobs, options));
  return { jobs: result.answers.flatMap(({ value }) => value), ...result };
}

export async function readUniqueJobs(links: Links, options?: CallOptions): Promise<UniqueJobsReport> {
  const result = await askAll(links, (link) => query(link, 'show unique jobs', [], parseUniqueJobs, options));
  return { jobs: result.answers.flatMap(({ value }) => value), ...result };
}

interface Named {
  readonly functionName: string;
}
type Counts<T, K extends keyof T> = Named & { [N in K]: number };

/** One row per function, sorted by name because servers list them in the order of a hash table, with counts added up. */
function sum<K extends string, T extends Counts<T, K & keyof T>>(
  answers: readonly Answer<readonly T[]>[],
  keys: readonly (K & keyof T)[],
): T[] {
  const rows = new Map<string, T>();
  for (const row of answers.flatMap(({ value }) => value)) {
    const before = rows.get(row.functionName);
    rows.set(row.functionName, before === undefined ? row : add(before, row, keys));
  }
  return [...rows.values()].sort((a, b) => compare(a.functionName, b.functionName));
}

function add<T>(a: T, b: T, keys: readonly (keyof T)[]): T {
  // The keys name counts only.
  const sums = keys.map((key) => [key, Number(a[key]) + Number(b[key])]);
  return { ...a, ...(Object.fromEntries(sums) as Partial<T>) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
