import { setTimeout as pause } from 'node:timers/promises';

/** Looks again and again until something is there; the time limit of the test ends that. */
export async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(10);
  }
}
