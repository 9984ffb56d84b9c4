import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { StoredJob } from '@gearman/server';
import { EXIT, FatalError } from '../gearmand/exit-code.ts';

/** A job that may come from somewhere where jobs have no numbers. */
export interface ForeignJob extends Omit<StoredJob, 'number'> {
  readonly number: number | undefined;
}

/** One thing that a file of jobs says. */
export type Entry =
  | { readonly is: 'job'; readonly job: ForeignJob }
  | { readonly is: 'setting'; readonly key: string; readonly value: string }
  /** It should be a job or a setting, and cannot be understood. `where` names its place: `line 12`. */
  | { readonly is: 'problem'; readonly where: string; readonly text: string };

/** Jobs outside of a store, in the order in which they arrived. */
export interface JobSource {
  /** What it is, for who looks on: `queue.db (sqlite3 queue of gearmand)`. */
  readonly name: string;
  /** The same for the same content. */
  readonly fingerprint: string;
  /** The largest number that a job there ever had, if that is known. */
  readonly lastNumber: number;
  /** Everything that is there; from the beginning at every call. */
  entries(): AsyncIterable<Entry>;
  close(): Promise<void>;
}

/** A sentence for the user about a file that cannot be used. */
export function sourceError(message: string, cause?: unknown): FatalError {
  return new FatalError(message, { exitCode: EXIT.runtime, cause });
}

/** SHA-256 over the content of files, one after the other. */
export async function fingerprintOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
