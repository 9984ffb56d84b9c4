import type { JobStore, StoreBatch, StoredJob } from '@gearman/server';

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

/** The numbers of the jobs that a store finds when it is opened. */
export async function openedNumbers(store: JobStore): Promise<number[]> {
  const { jobs } = await store.open();
  const numbers: number[] = [];
  for await (const { number } of jobs) numbers.push(number);
  return numbers;
}
