import { ConnectError } from '@gearman/pool';
import { describe, expect, test } from 'vitest';
import { judge, type Thresholds } from '../../src/commands/check-result.ts';

const LIMITS: Thresholds = {
  queueWarn: 10,
  queueCrit: 100,
  workersWarn: 3,
  workersMin: 1,
  functions: [],
};
const row = (functionName: string, queued: number, workers = 5) => ({
  functionName,
  total: queued + 1,
  queued,
  running: 1,
  workers,
});

describe('judge()', () => {
  test.each([
    ['OK', 0, row('f', 9), '1 functions, 9 waiting, 1 running'],
    ['WARNING', 1, row('f', 10), 'f has 10 waiting jobs'],
    ['CRITICAL', 2, row('f', 100), 'f has 100 waiting jobs'],
    ['WARNING', 1, row('f', 0, 2), 'f has 2 workers'],
    ['CRITICAL', 2, row('f', 0, 0), 'f has 0 workers'],
  ])('is %s, code %d', (level, exitCode, status, text) => {
    const result = judge([status], [], LIMITS);
    expect(result.exitCode).toBe(exitCode);
    expect(result.line.startsWith(`GEARMAN ${level}: ${text} | `)).toBe(true);
  });

  test('says the worst first, and figures with their thresholds', () => {
    expect(judge([row('a', 10), row("b='|", 100)], [], LIMITS)).toEqual({
      exitCode: 2,
      line:
        "GEARMAN CRITICAL: b='/ has 100 waiting jobs; a has 10 waiting jobs | " +
        "'a waiting'=10;10;100;0 'a running'=1;;;0 'a workers'=5;3:;1:;0 " +
        "'b_''| waiting'=100;10;100;0 'b_''| running'=1;;;0 'b_''| workers'=5;3:;1:;0",
    });
  });

  test('looks only at the functions that are named, and misses those that are not there', () => {
    const result = judge([row('a', 100), row('b', 0)], [], { ...LIMITS, functions: ['b', 'c'] });
    expect(result.exitCode).toBe(2);
    expect(result.line).toMatch(/^GEARMAN CRITICAL: no server knows the function c \| 'b waiting'/);
  });

  test('is critical when a server does not answer', () => {
    const failures = [{ server: 'a:1', error: new ConnectError('a:1', 'refused') }];
    expect(judge([row('f', 0)], failures, LIMITS)).toMatchObject({
      exitCode: 2,
      line: expect.stringMatching(/^GEARMAN CRITICAL: a:1: refused/),
    });
  });

  test('without thresholds, only says what there is', () => {
    const none = {
      queueWarn: undefined,
      queueCrit: undefined,
      workersWarn: undefined,
      workersMin: undefined,
      functions: [],
    };
    expect(judge([], [], none)).toEqual({
      exitCode: 0,
      line: 'GEARMAN OK: 0 functions, 0 waiting, 0 running',
    });
  });
});
