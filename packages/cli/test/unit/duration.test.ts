import { expect, test } from 'vitest';
import { parseDuration } from '../../src/duration.ts';

test.each([
  ['500ms', 500],
  ['2s', 2000],
  ['1.5m', 90_000],
  ['1h', 3_600_000],
])('%s are %d ms', (text, durationMs) => {
  expect(parseDuration(text)).toBe(durationMs);
});

test.each(['5', '', 's', '-1s', '0s', '1d', '1 s', '1s2'])('refuses %j', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});
