import { expect, test } from 'vitest';
import { styleLine } from '../../src/gearmand/log-line.ts';

const LINE = `${JSON.stringify({
  level: 'WARNING',
  time: '2026-01-02T03:04:05.678Z',
  pid: 7,
  address: 'a "b"',
  err: { type: 'Error', message: 'broken', stack: 'Error: broken\n  at x' },
  msg: 'a peer\nleft',
})}\n`;

test('text: time, level, message, fields; of an error its message', () => {
  expect(styleLine(LINE, { format: 'text', syslog: false })).toBe(
    '2026-01-02T03:04:05.678Z WARNING a peer left address="a \\"b\\"" err="broken"\n',
  );
});

test('syslog: the priority first, neither time nor level', () => {
  expect(styleLine(LINE, { format: 'text', syslog: true })).toBe(
    '<28>gearmand[7]: a peer left address="a \\"b\\"" err="broken"\n',
  );
});

test('json: as pino makes it, for syslog behind the priority', () => {
  expect(styleLine(LINE, { format: 'json', syslog: false })).toBe(LINE);
  expect(styleLine(LINE, { format: 'json', syslog: true })).toBe(`<28>gearmand[7]: ${LINE}`);
});
