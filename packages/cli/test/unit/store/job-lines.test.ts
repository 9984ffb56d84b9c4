import type { StoredJob } from '@gearman/server';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  readHead,
  readLine,
  writeEnd,
  writeHead,
  writeJob,
  writeSetting,
} from '../../../src/store/job-lines.ts';

const byteString = (maxLength: number, minLength = 0) =>
  fc.uint8Array({ min: 1, maxLength, minLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));

const anyJob: fc.Arbitrary<StoredJob> = fc.record({
  number: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  functionName: byteString(512, 1),
  uniqueId: byteString(64),
  payload: fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text)),
  ),
  priority: fc.constantFrom(0, 1, 2),
  runAtMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
  attempts: fc.integer({ min: 0, max: 0xffff_ffff }),
  state: fc.constantFrom('waiting', 'dead'),
  reducer: fc.option(byteString(64), { nil: undefined }),
  extra: fc.string(),
});

const JOB: StoredJob = {
  number: 7,
  functionName: 'mail',
  uniqueId: 'order-1',
  payload: Buffer.from('{"to":"me"}\n'),
  priority: 0,
  runAtMs: 1_900_000_000_123,
  attempts: 2,
  state: 'waiting',
  reducer: undefined,
  extra: '',
};

describe('a line of an export', () => {
  test('gives every job back as it was', () => {
    fc.assert(
      fc.property(anyJob, (job) => {
        const line = writeJob(job);
        expect(line.slice(0, -1)).not.toContain('\n');
        expect(readLine(line)).toEqual({ is: 'job', job });
      }),
    );
  });

  test('shows text as text, and everything else in base64', () => {
    expect(JSON.parse(writeJob(JOB))).toEqual({
      number: 7,
      function: 'mail',
      unique: 'order-1',
      priority: 'high',
      runAt: '2030-03-17T17:46:40.123Z',
      attempts: 2,
      state: 'waiting',
      reducer: null,
      extra: '',
      payload: '{"to":"me"}\n',
    });
    const bytes = { ...JOB, functionName: '\u00e9', payload: Buffer.from('a\u001bb') };
    expect(JSON.parse(writeJob(bytes))).toMatchObject({ functionBase64: '6Q==', payloadBase64: 'YRti' });
  });

  test('needs no more than a function', () => {
    const job = {
      ...JOB,
      number: undefined,
      uniqueId: '',
      payload: Buffer.alloc(0),
      priority: 1,
      runAtMs: 0,
      attempts: 0,
    };
    expect(readLine('{"function":"mail"}')).toEqual({ is: 'job', job });
  });

  test('may be a setting, or the end', () => {
    expect(readLine(writeSetting('maxqueue:f', '1 2 3'))).toEqual({
      is: 'setting',
      key: 'maxqueue:f',
      value: '1 2 3',
    });
    expect(readLine(writeEnd())).toEqual({ is: 'end' });
  });

  test.each([
    ['x', 'is not JSON'],
    ['[]', 'expected object'],
    ['7', 'is not a JSON object'],
    ['{}', 'function: is missing'],
    ['{"function":""}', 'function: is missing'],
    ['{"function":"f","priority":"urgent"}', 'priority: '],
    ['{"function":"f","uniqe":"x"}', 'uniqe'],
    ['{"function":"f","number":0}', 'number: '],
    ['{"function":"f","runAt":"tomorrow"}', 'runAt: '],
    ['{"function":"f","payload":"a","payloadBase64":"YQ=="}', 'both as text and in base64'],
    ['{"function":"f","payloadBase64":"?"}', 'payloadBase64: '],
    [`{"function":"${'f'.repeat(513)}"}`, 'function: has at most 512 bytes'],
    [`{"function":"f","unique":"${'\u00e9'.repeat(33)}"}`, 'unique: has at most 64 bytes'],
    ['{"function":"a\\u0000b"}', 'function: has a NUL byte'],
    ['{"functionBase64":"AA=="}', 'functionBase64: has a NUL byte'],
    ['{"setting":"x"}', 'value: '],
    ['{"end":false}', 'end: '],
  ])('that is %s is refused, and says why', (line, why) => {
    expect(() => readLine(line)).toThrow(why);
  });
});

describe('the first line', () => {
  test('says what follows', () => {
    const head = { from: 'journal /x', exportedAt: '2030-01-01T00:00:00.000Z', lastNumber: 9 };
    expect(readHead(writeHead(head))).toEqual(head);
  });

  test('of a later version is refused', () => {
    expect(() => readHead('{"format":"gearman-jobs","version":2}')).toThrow(
      'is of version 2, and this version reads up to 1',
    );
  });

  test.each(['{"format":"other","version":1}', '{}', 'GIF89a'])('%s is none', (line) => {
    expect(() => readHead(line)).toThrow(Error);
  });
});
