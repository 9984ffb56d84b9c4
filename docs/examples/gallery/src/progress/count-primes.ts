import { setImmediate as nextTurn } from 'node:timers/promises';
import type { WorkerJob } from '@gearman/worker';

const SLICE = 10_000;

/** Counts the primes up to a number and says how far it is. Between slices the worker can do other things. */
export async function countPrimes(job: WorkerJob): Promise<string> {
  const last = Number(job.text());
  if (!Number.isSafeInteger(last)) throw new RangeError('expected a whole number');
  let found = 0;
  for (let from = 2; from <= last; from += SLICE) {
    const to = Math.min(from + SLICE - 1, last);
    for (let number = from; number <= to; number++) if (isPrime(number)) found++;
    job.progress(to, last);
    await nextTurn();
    job.signal.throwIfAborted();
  }
  return String(found);
}

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}
