import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../src/fake-clock.ts';

describe('FakeClock', () => {
  it('stands still until it is advanced', () => {
    const clock = new FakeClock(1000);
    expect([clock.now(), clock.monotonicMs()]).toEqual([1000, 0]);
    clock.advance(250);
    expect([clock.now(), clock.monotonicMs()]).toEqual([1250, 250]);
  });

  it('runs timers in the order they are due, those due together in the order they were set', () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    const note = (name: string) => () => ran.push(`${name} at ${clock.monotonicMs()}`);
    clock.setTimer(20, note('c'));
    clock.setTimer(10, note('a'));
    clock.setTimer(20, note('d'));
    clock.setTimer(10, note('b'));
    clock.setTimer(21, note('later'));
    clock.advance(20);
    expect(ran).toEqual(['a at 10', 'b at 10', 'c at 20', 'd at 20']);
    expect(clock.nextTimerInMs).toBe(1);
    expect(clock.pendingTimers).toBe(1);
  });

  it('runs timers that timers set, if they are due too', () => {
    const clock = new FakeClock();
    const at: number[] = [];
    const tick = (): void => {
      at.push(clock.monotonicMs());
      clock.setTimer(10, tick);
    };
    clock.setTimer(10, tick);
    clock.advance(35);
    expect(at).toEqual([10, 20, 30]);
    expect(clock.nextTimerInMs).toBe(5);
  });

  it('forgets cancelled timers, whoever cancels them', () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    const second = clock.setTimer(20, () => ran.push('second'));
    const first = clock.setTimer(10, () => {
      ran.push('first');
      second.cancel();
    });
    clock.advance(100);
    first.cancel();
    expect(ran).toEqual(['first']);
    expect(clock.nextTimerInMs).toBeUndefined();
  });

  it('does not count unreferenced timers as pending, but runs them', () => {
    const clock = new FakeClock();
    let ran = 0;
    clock.setTimer(10, () => ran++, { unref: true });
    expect(clock.pendingTimers).toBe(0);
    expect(clock.timerCount).toBe(1);
    clock.advance(10);
    expect(ran).toBe(1);
    expect(clock.timerCount).toBe(0);
  });

  it('takes a delay below zero, or none, as zero, and never runs an endless one', () => {
    const clock = new FakeClock();
    const ran: number[] = [];
    for (const delayMs of [-5, Number.NaN, 0, Number.POSITIVE_INFINITY]) {
      clock.setTimer(delayMs, () => ran.push(delayMs));
    }
    expect(ran).toEqual([]);
    clock.advance(0);
    expect(ran).toEqual([-5, Number.NaN, 0]);
    clock.advance(1e12);
    expect(ran).toHaveLength(3);
  });

  it('moves the wall clock alone on jump()', () => {
    const clock = new FakeClock(1000);
    let ran = false;
    clock.setTimer(10, () => {
      ran = true;
    });
    clock.jump(-500);
    expect([clock.now(), clock.monotonicMs(), ran]).toEqual([500, 0, false]);
  });

  it('throws what a callback throws and can go on from there', () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    clock.setTimer(10, () => {
      throw new Error('boom');
    });
    clock.setTimer(20, () => ran.push('next'));
    expect(() => clock.advance(30)).toThrow('boom');
    expect(clock.monotonicMs()).toBe(10);
    clock.advance(20);
    expect(ran).toEqual(['next']);
  });

  it.each([-1, Number.NaN])('refuses to go by %s', async (ms) => {
    expect(() => new FakeClock().advance(ms)).toThrow(RangeError);
    await expect(new FakeClock().advanceAsync(ms)).rejects.toThrow(RangeError);
  });

  it('lets promises settle around each timer on advanceAsync()', async () => {
    const clock = new FakeClock();
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimer(ms, resolve));
    const at: number[] = [];
    const run = async (): Promise<void> => {
      await Promise.resolve();
      for (let i = 0; i < 3; i++) {
        await sleep(10);
        at.push(clock.monotonicMs());
      }
    };
    void run();
    await clock.advanceAsync(25);
    expect(at).toEqual([10, 20]);
    expect(clock.monotonicMs()).toBe(25);
    await clock.advanceAsync(5);
    expect(at).toEqual([10, 20, 30]);
  });
});
