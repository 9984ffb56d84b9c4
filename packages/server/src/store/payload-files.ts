import { createHash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { JobStore, PayloadFileName, StoreBatch, StoredJob, StoreOutcome } from './store.ts';

/** How much of the payloads of one batch is in memory at a time, if no single one is larger. */
const MOST_BYTES_AT_ONCE = 64 * 1024 * 1024;
const PIECE_BYTES = 256 * 1024;
const NOTHING: StoreBatch = { puts: [], changes: [], dones: [], settings: new Map() };

/** Commits a batch; a store that does not take files gets the bytes that are in them. */
export function commitTo(store: JobStore, batch: StoreBatch): Promise<StoreOutcome> {
  if (store.adoptsFiles === true || !batch.puts.some(isInFile)) return store.commit(batch);
  return commitBytes(store, batch);
}

/** As one batch would: all of it is durable, or, when a part is refused, none but the ends of jobs. */
async function commitBytes(store: JobStore, batch: StoreBatch): Promise<StoreOutcome> {
  const begun: number[] = [];
  const refuse = async (refused: Error, dones: readonly number[]): Promise<StoreOutcome> => {
    await store.commit({ ...NOTHING, dones: [...dones, ...begun] });
    return { refused };
  };
  for (const group of groupsOf(batch.puts.filter(isInFile))) {
    let puts: StoredJob[];
    try {
      puts = await Promise.all(group.map(withBytes));
    } catch (error) {
      return refuse(error instanceof Error ? error : new Error(String(error)), batch.dones);
    }
    const { refused } = await store.commit({ ...NOTHING, puts });
    if (refused !== undefined) return refuse(refused, batch.dones);
    for (const { number } of group) begun.push(number);
  }
  const { refused } = await store.commit({ ...batch, puts: batch.puts.filter((job) => !isInFile(job)) });
  return refused === undefined ? { refused } : refuse(refused, []);
}

function isInFile({ payloadFile }: StoredJob): boolean {
  return payloadFile !== undefined;
}

async function withBytes(job: StoredJob): Promise<StoredJob> {
  const { payloadFile } = job;
  if (payloadFile === undefined) return job;
  const payload = await readFile(payloadFile.path);
  if (payloadFile.crc32 !== undefined && crc32(payload) !== payloadFile.crc32)
    throw new Error(`${payloadFile.path} has changed since it was written`);
  return { ...job, payload, payloadFile: undefined };
}

function groupsOf(jobs: readonly StoredJob[]): StoredJob[][] {
  const groups: StoredJob[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const job of jobs) {
    const size = job.payloadFile?.sizeBytes ?? 0;
    if (bytes + size > MOST_BYTES_AT_ONCE) {
      groups.push([]);
      bytes = 0;
    }
    bytes += size;
    groups.at(-1)?.push(job);
  }
  return groups;
}

/** A job from a store; when its payload is its key, the hash of that is known. */
export async function withKey(job: StoredJob): Promise<StoredJob> {
  const { payloadFile, uniqueId } = job;
  if (payloadFile === undefined || payloadFile.sha256 !== undefined || uniqueId !== '-') return job;
  return { ...job, payloadFile: { ...payloadFile, sha256: await hashOf(payloadFile) } };
}

async function hashOf({ path }: PayloadFileName): Promise<string> {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  const file = await open(path, 'r');
  try {
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
