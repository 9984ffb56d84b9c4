import type { Snapshot } from '@gearman/admin';
import { ConnectError } from '@gearman/pool';
import { expect, test } from 'vitest';
import { renderTop, type TopView } from '../../src/commands/top-screen.ts';

const row = (functionName: string, queued: number, running: number, workers: number) => ({
  functionName,
  total: queued + running,
  queued,
  running,
  workers,
});
const SNAPSHOT: Snapshot = {
  takenAtMs: 0,
  functions: [row('a', 1, 9, 2), row('b', 5, 0, 3), row('c', 1, 2, 9)],
  answers: [{ server: 'one:1', value: [] }],
  workers: [],
  failures: [{ server: 'two:1', error: new ConnectError('two:1', 'refused') }],
};
const VIEW: TopView = { sort: 'queued', filter: undefined, lines: 100 };

test('shows sums, servers that do not answer, and functions', () => {
  expect(renderTop(SNAPSHOT, VIEW)).toBe(
    `1970-01-01T00:00:00.000Z  1 of 2 servers  0 connections
3 functions  7 queued  11 running  by queued
! two:1: refused

FUNCTION  QUEUED  RUNNING  WORKERS
b              5        0        3
a              1        9        2
c              1        2        9
`,
  );
});

test.each([
  ['queued', 'bac'],
  ['running', 'acb'],
  ['workers', 'cba'],
  ['name', 'abc'],
] as const)('sorts by %s', (sort, order) => {
  const names = renderTop(SNAPSHOT, { ...VIEW, sort }).match(/^[abc](?= )/gm);
  expect(names?.join('')).toBe(order);
});

test('shows what fits, and counts the rest', () => {
  expect(
    renderTop(SNAPSHOT, { ...VIEW, lines: 7 })
      .split('\n')
      .slice(4),
  ).toEqual(['FUNCTION  QUEUED  RUNNING  WORKERS', 'b              5        0        3', '… and 2 more', '']);
});

test('shows what matches the filter', () => {
  expect(renderTop(SNAPSHOT, { ...VIEW, filter: /^[ab]$/ })).toContain('2 functions  6 queued  9 running');
});
