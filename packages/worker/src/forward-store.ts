import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const count = z.number().int().nonnegative();

/** A job in the keeping of a store-and-forward worker. */
export const storedJobSchema = z.strictObject({
  id: z.string().regex(/^[\w-]{1,64}$/),
  functionName: z.string().min(1),
  /** The payload in base64. */
  payload: z.base64(),
  uniqueId: z.string().optional(),
  /** Not before this moment, in milliseconds since 1970. */
  runAtMs: z.number().nonnegative(),
  /** How often a worker has failed it. */
  attempts: count,
  maxAttempts: count,
  /** Why it is not tried any more; undefined while it is. */
  deadReason: z.string().optional(),
});

export type StoredJob = z.output<typeof storedJobSchema>;

/** Where a store-and-forward worker keeps jobs. A promise that resolves means: not lost when the machine stops. */
export interface ForwardStore {
  /** Adds a job, or replaces the one with its id. */
  put(job: StoredJob): Promise<void>;
  /** Removes a job; one that is not there is no error. */
  delete(id: string): Promise<void>;
  /** All jobs, in any order. */
  load(): Promise<Iterable<StoredJob>>;
}

const SUFFIX = '.json';

/** Keeps jobs in a directory, which is made: a file for each, written whole or not at all, and through to the disk. */
export function createFileStore(directory: string): ForwardStore {
  const pathOf = (id: string): string => join(directory, id + SUFFIX);
  return {
    async put(job) {
      const path = pathOf(job.id);
      const unfinished = `${path}.new`;
      await mkdir(directory, { recursive: true });
      const file = await open(unfinished, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify(job));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(unfinished, path);
      await syncDirectory(directory);
    },
    async delete(id) {
      await unlink(pathOf(id)).catch(ignoreMissing);
      await syncDirectory(directory);
    },
    async load() {
      await mkdir(directory, { recursive: true });
      const names = (await readdir(directory)).filter((name) => name.endsWith(SUFFIX));
      const jobs: StoredJob[] = [];
      for (const name of names) {
        jobs.push(storedJobSchema.parse(JSON.parse(await readFile(join(directory, name), 'utf8'))));
      }
      return jobs;
    },
  };
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
