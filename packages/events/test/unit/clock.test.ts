import { silentLogger, systemClock } from '@gearman/events';
import { afterEach, describe, expect, it, vi } from 'vitest';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('systemClock', () => {
  it('shows the time of day and a time that never goes back', () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
    const first = systemClock.monotonicMs();
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(first);
  });

  it('calls back once, after the delay', () => {
    vi.useFakeTimers();
    const callback = vi.fn();
    systemClock.setTimer(50, callback);
    vi.advanceTimersByTime(49);
    expect(callback).toHaveBeenCalledTimes(0);
    vi.advanceTimersByTime(1000);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it('does not call back after cancel(), which may be called twice', () => {
    vi.useFakeTimers();
    const callback = vi.fn();
    const timer = systemClock.setTimer(50, callback);
    timer.cancel();
    timer.cancel();
    vi.advanceTimersByTime(1000);
    expect(callback).toHaveBeenCalledTimes(0);
  });

  it.each([
    [-1, 0],
    [2 ** 31, 2 ** 31 - 1],
    [Number.POSITIVE_INFINITY, 2 ** 31 - 1],
  ])('sets a timer of %s ms to one of %s ms, never to the 1 ms of Node', (delayMs, expected) => {
    const spy = vi.spyOn(globalThis, 'setTimeout');
    systemClock.setTimer(delayMs, () => {}).cancel();
    expect(spy.mock.calls[0]?.[1]).toBe(expected);
  });

  it('holds the process unless told otherwise', () => {
    const spy = vi.spyOn(globalThis, 'setTimeout');
    const timers = [{}, { unref: false }, { unref: true }].map((options) =>
      systemClock.setTimer(60_000, () => {}, options),
    );
    const holds = spy.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef());
    for (const timer of timers) timer.cancel();
    expect(holds).toEqual([true, true, false]);
  });
});

describe('silentLogger', () => {
  it('has the four methods and says nothing', () => {
    const write = vi.spyOn(process.stdout, 'write');
    for (const level of ['debug', 'info', 'warn', 'error'] as const) silentLogger[level]({ a: 1 }, 'message');
    expect(write).not.toHaveBeenCalled();
  });
});
