import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffMs, type ReconnectOptions } from '../../src/backoff.ts';

const base: Required<ReconnectOptions> = {
  type: 'fibonacci',
  minMs: 10,
  maxMs: 10_000,
  jitter: 0,
  maxAttempts: Number.POSITIVE_INFINITY,
};

describe('backoffMs', () => {
  test.each([
    [
      'fibonacci',
      [10, 20, 30, 50, 80, 130, 210, 340, 550, 890, 1440, 2330, 3770, 6100, 9870, 10_000, 10_000],
    ],
    ['exponential', [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10_000, 10_000]],
    ['fixed', [10, 10, 10, 10]],
  ] as const)('%s grows as it says and stops at maxMs', (type, delays) => {
    expect(delays.map((_, i) => backoffMs(i + 1, { ...base, type }, 0.5))).toEqual(delays);
  });

  test.each([
    [0, 850],
    [0.5, 1000],
    [0.999_999, 1150],
  ])('jitter 0.15 with random %d makes 1000 ms %d', (random, delay) => {
    expect(backoffMs(1, { ...base, minMs: 1000, jitter: 0.15 }, random)).toBe(delay);
  });

  test('stays within the jitter around a delay that never shrinks and never passes maxMs', () => {
    const options = fc.record({
      type: fc.constantFrom('fibonacci', 'exponential', 'fixed'),
      minMs: fc.integer({ min: 1, max: 60_000 }),
      maxMs: fc.integer({ min: 1, max: 600_000 }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
      maxAttempts: fc.constant(5),
    });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 100_000 }), random, (reconnect, attempt, at) => {
        const calm = { ...reconnect, jitter: 0 };
        const center = backoffMs(attempt, calm, at);
        expect(center).toBeLessThanOrEqual(reconnect.maxMs);
        expect(backoffMs(attempt + 1, calm, at)).toBeGreaterThanOrEqual(center);
        const delay = backoffMs(attempt, reconnect, at);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(center * (1 - reconnect.jitter)));
        expect(delay).toBeLessThanOrEqual(Math.ceil(center * (1 + reconnect.jitter)));
      }),
    );
  });
});
