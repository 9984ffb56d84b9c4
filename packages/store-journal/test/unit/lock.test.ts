import { statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeClock } from '@gearman/testing';
import { expect, test } from 'vitest';
import { journalOn, temporaryDirectory } from '../support/jobs.ts';
import { MemoryDisk } from '../support/memory-disk.ts';

/** The lock of a process that cannot be looked up: of another container, or of this machine before it was started anew. */
function leaveLock(directory: string, touchedAtMs: number): string {
  const path = join(directory, 'lock');
  const holder = { token: 'x', pid: 1, startedAt: '1', place: 'elsewhere', host: 'jobs-1' };
  writeFileSync(path, JSON.stringify(holder));
  utimesSync(path, touchedAtMs / 1000, touchedAtMs / 1000);
  return path;
}

/** Lets time pass until `work` has an end. */
async function pass<T>(clock: FakeClock, work: Promise<T>, atEachTimer: () => void = () => {}): Promise<T> {
  const end = work.then(
    () => true,
    () => true,
  );
  for (;;) {
    const started = expect.poll(() => clock.pendingTimers, { interval: 1 }).toBeGreaterThan(0);
    const isOver = await Promise.race([end, started.then(() => false)]);
    started.catch(() => {});
    if (isOver) return work;
    atEachTimer();
    clock.advance(500);
  }
}

test.each([
  { what: 'was touched just now', touchedAtMs: () => Date.now(), seconds: 10 },
  {
    what: 'was touched in the future, as the clock was put back',
    touchedAtMs: () => Date.now() + 3_600_000,
    seconds: 10,
  },
  { what: 'has not been touched for long', touchedAtMs: () => Date.now() - 60_000, seconds: 0 },
])(
  'a lock that $what and is not touched again is taken over after $seconds s',
  async ({ touchedAtMs, seconds }) => {
    using directory = temporaryDirectory();
    leaveLock(directory.path, touchedAtMs());
    const clock = new FakeClock();
    const journal = journalOn(new MemoryDisk(), directory.path, { clock });
    await pass(clock, journal.open());
    expect(Math.abs(clock.monotonicMs() / 1000 - seconds)).toBeLessThanOrEqual(5);
    expect(clock.monotonicMs() > 0).toBe(seconds > 0);
    await journal.close();
  },
);

test('a lock that is touched again is not', async () => {
  using directory = temporaryDirectory();
  const path = leaveLock(directory.path, Date.now());
  const clock = new FakeClock();
  const journal = journalOn(new MemoryDisk(), directory.path, { clock });
  const touch = (): void => {
    const { mtimeMs } = statSync(path);
    if (clock.monotonicMs() === 2000) utimesSync(path, mtimeMs / 1000 + 2, mtimeMs / 1000 + 2);
  };
  await expect(pass(clock, journal.open(), touch)).rejects.toMatchObject({
    code: 'ERR_GEARMAN_STORE_LOCKED',
    message: expect.stringContaining('process 1 on jobs-1'),
  });
  expect(clock.monotonicMs()).toBeLessThan(3000);
});
