import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobStore, StoreBatch, StoredJob } from '@gearman/server';
import { createJournal, type Journal, type JournalOptions } from '../../src/index.ts';
import type { MemoryDisk } from './memory-disk.ts';

export const SEGMENT_BYTES = 0x1_0000;

export function job(number: number, changes: Partial<StoredJob> = {}): StoredJob {
  return {
    number,
    functionName: 'resize',
    uniqueId: `id-${number}`,
    payload: Buffer.from(`payload of ${number}`),
    priority: 1,
    runAtMs: 0,
    attempts: 0,
    state: 'waiting',
    reducer: undefined,
    extra: '',
    ...changes,
  };
}

export function batch(parts: Partial<StoreBatch>): StoreBatch {
  return { puts: [], changes: [], dones: [], settings: new Map(), ...parts };
}

/** Everything a store has, opened anew. */
export async function contentOf(
  store: JobStore,
): Promise<{ jobs: StoredJob[]; settings: ReadonlyMap<string, string>; lastNumber: number }> {
  const { jobs, settings, lastNumber } = await store.open();
  const found: StoredJob[] = [];
  for await (const each of jobs) found.push({ ...each, payload: Buffer.from(each.payload) });
  return { jobs: found, settings, lastNumber };
}

/** A directory that is gone after the test. */
export function temporaryDirectory(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'gearman-journal-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** The lock of a process that is gone. */
export function leaveLock(directory: string): void {
  const path = join(directory, 'lock');
  const holder = { token: 'x', pid: 1, startedAt: '1', place: 'elsewhere', host: 'jobs-1' };
  writeFileSync(path, JSON.stringify(holder));
  utimesSync(path, 1, 1);
}

/** A journal on a disk in memory; its lock is a real file, in a directory of its own. */
export function journalOn(
  disk: MemoryDisk,
  directory: string,
  options: Partial<JournalOptions> = {},
): Journal {
  return createJournal({ directory, disk, segmentBytes: SEGMENT_BYTES, ...options });
}
