import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { Deadlines, type Due } from '../../src/deadlines.ts';

function setUp() {
  const clock = new FakeClock();
  const all = new Set<Due>();
  const deadlines = new Deadlines(clock, all);
  const fired: [string, number][] = [];
  const add = (name: string, delayMs: number): Due => {
    const due = {
      deadlineMs: deadlines.after(delayMs),
      onDeadline: () => {
        all.delete(due);
        fired.push([name, clock.monotonicMs()]);
      },
    };
    all.add(due);
    return due;
  };
  return { clock, all, deadlines, fired, add };
}

describe('Deadlines', () => {
  test('calls each at its time', () => {
    const { clock, fired, add } = setUp();
    for (const delayMs of [30, 10, 20, Number.POSITIVE_INFINITY]) add(String(delayMs), delayMs);
    expect(clock.nextTimerInMs).toBe(10);
    clock.advance(100);
    expect(fired).toEqual([
      ['10', 10],
      ['20', 20],
      ['30', 30],
    ]);
    expect(clock.nextTimerInMs).toBeUndefined();
  });

  test('does not call what is over, and sets no timer for nothing', () => {
    const { clock, all, fired, add } = setUp();
    const over = add('over', 10);
    all.delete(over);
    add('later', 50);
    clock.advance(49);
    expect(fired).toEqual([]);
    clock.advance(1);
    expect(fired).toEqual([['later', 50]]);
    add('never', Number.POSITIVE_INFINITY);
    expect(clock.nextTimerInMs).toBeUndefined();
  });

  test('what is added while others are called keeps its time', () => {
    const { clock, all, deadlines, fired, add } = setUp();
    const first: Due = {
      deadlineMs: deadlines.after(10),
      onDeadline: () => {
        all.delete(first);
        add('second', 5);
      },
    };
    all.add(first);
    clock.advance(20);
    expect(fired).toEqual([['second', 15]]);
  });

  test('looks less often at very many', () => {
    const { clock, fired, add } = setUp();
    for (let i = 0; i < 100_000; i++) add(String(i), 10 + i / 100_000);
    let timers = 0;
    const setTimer = clock.setTimer.bind(clock);
    clock.setTimer = (delayMs, callback) => {
      timers++;
      return setTimer(delayMs, callback);
    };
    clock.advance(200);
    expect(fired).toHaveLength(100_000);
    expect(timers).toBeLessThan(5);
  });

  test('has one timer, however many wait', () => {
    const { clock, add } = setUp();
    let timers = 0;
    const setTimer = clock.setTimer.bind(clock);
    clock.setTimer = (delayMs, callback) => {
      timers++;
      return setTimer(delayMs, callback);
    };
    for (let i = 0; i < 1000; i++) add(String(i), 10_000);
    expect(timers).toBe(1);
  });

  test('is quiet after close()', () => {
    const { clock, deadlines, fired, add } = setUp();
    add('a', 10);
    deadlines.close();
    clock.advance(20);
    expect(fired).toEqual([]);
  });
});
