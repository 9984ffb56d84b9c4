import { readFile } from 'node:fs/promises';
import type { Client } from '@gearman/client';
import type { Tally } from './tally.ts';

/** What is told while files are counted. */
export interface Progress {
  /** A file was counted. */
  onFile(tally: Tally): void;
}

// Enough to keep every worker busy, few enough to hold only these files in memory.
const JOBS_AT_ONCE = 32;
const MERGE_AT_ONCE = 32;

/** Counts the files, one job each, and merges the results by jobs, too. */
export async function countFiles(
  client: Client,
  files: readonly string[],
  progress: Progress,
): Promise<Tally> {
  let tallies = await mapAtOnce(files, JOBS_AT_ONCE, async (file) => {
    const tally = await runJob(client, 'count-words', await readFile(file));
    progress.onFile(tally);
    return tally;
  });
  // Only neighbours are merged: a word may go across the border of two files.
  do {
    tallies = await mapAtOnce(chunksOf(tallies, MERGE_AT_ONCE), JOBS_AT_ONCE, (chunk) =>
      runJob(client, 'merge-counts', JSON.stringify(chunk)),
    );
  } while (tallies.length > 1);
  const [total] = tallies;
  if (total === undefined) throw new Error('there is nothing to count');
  return total;
}

async function runJob(client: Client, functionName: string, data: Uint8Array | string): Promise<Tally> {
  const result = await client.submit(functionName, data);
  return JSON.parse(Buffer.from(result).toString()) as Tally;
}

/** Maps with at most `limit` calls under way; results in the order of the items. */
async function mapAtOnce<T, R>(
  items: readonly T[],
  limit: number,
  map: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const rest = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of rest) results[index] = await map(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return results;
}

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
