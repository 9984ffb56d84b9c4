import { expect, test } from 'vitest';
import { Progress } from '../../../src/store/progress.ts';

function shown(isTTY: boolean, times: readonly number[]): string[] {
  const said: string[] = [];
  let now = 0;
  const progress = new Progress('jobs', { isTTY, write: (text) => said.push(text) }, () => now);
  for (const time of times) {
    now = time;
    progress.show(time, 20_000);
  }
  progress.end();
  return said;
}

test('progress is one line on a terminal, written ten times a second at most, and gone at the end', () => {
  const back = '\r\u001b[K';
  expect(shown(true, [1, 99, 100, 150, 1200])).toEqual([
    '\r100 of 20,000 jobs\u001b[K',
    '\r1,200 of 20,000 jobs\u001b[K',
    back,
  ]);
  expect(shown(true, [1])).toEqual([]);
});

test('progress is a line every five seconds elsewhere', () => {
  expect(shown(false, [1, 4999, 5000, 9999, 10_001])).toEqual([
    '5,000 of 20,000 jobs\n',
    '10,001 of 20,000 jobs\n',
  ]);
});
