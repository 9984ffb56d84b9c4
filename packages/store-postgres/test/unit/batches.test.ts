import { describe, expect, test } from 'vitest';
import { byteaArray, int8Array, textArray } from '../../src/arrays.ts';
import { slicesOf } from '../../src/batches.ts';
import { createPostgresStore } from '../../src/index.ts';
import { isPassing, sqlStateOf } from '../../src/sql-state.ts';
import { batch, job } from '../support/jobs.ts';

const numbersOf = (jobs: readonly { readonly number: number }[]): number[] =>
  jobs.map(({ number }) => number);

describe('what a statement records', () => {
  test('a job that comes and is over at once is not put, but its number counts', () => {
    const [slice, ...more] = slicesOf(batch({ puts: [job(1), job(9)], dones: [9, 4] }), [3]);
    expect(more).toEqual([]);
    expect(numbersOf(slice?.puts ?? [])).toEqual([1]);
    expect(slice?.dones).toEqual([3, 9, 4]);
    expect(slice?.lastNumber).toBe(9);
  });

  test('a job that was refused, and is put again, stays', () => {
    const [slice] = slicesOf(batch({ puts: [job(1), job(2)], dones: [2] }), [1, 2, 3]);
    expect(numbersOf(slice?.puts ?? [])).toEqual([1]);
    expect(slice?.dones).toEqual([3, 2]);
  });

  test('a change goes into the job that comes with it, the last one counts, and none to what is over', () => {
    const change = (number: number, attempts: number) => ({ ...job(number), attempts });
    const parts = {
      puts: [job(1)],
      dones: [3],
      changes: [change(1, 1), change(2, 1), change(2, 2), change(3, 1)],
    };
    const [slice] = slicesOf(batch(parts), []);
    expect(slice?.puts).toEqual([job(1, { attempts: 1 })]);
    expect(slice?.changes.map(({ number, attempts }) => [number, attempts])).toEqual([[2, 2]]);
  });

  test('large batches are cut by bytes and by rows; settings come last', () => {
    const payload = Buffer.alloc(5 * 1024 * 1024);
    const puts = [1, 2, 3].map((number) => job(number, { payload }));
    const dones = Array.from({ length: 25_000 }, (_, i) => 100 + i);
    const slices = slicesOf(batch({ puts, dones, settings: new Map([['a', 'b']]) }), []);
    expect(slices.map((slice) => [numbersOf(slice.puts), slice.dones.length, slice.settings.size])).toEqual([
      [[1], 10_000, 0],
      [[2], 10_000, 0],
      [[3], 5000, 1],
    ]);
    expect(slices.map(({ lastNumber }) => lastNumber)).toEqual([0, 0, 3]);
  });

  test('nothing is one statement', () => {
    expect(slicesOf(batch({}), [])).toHaveLength(1);
  });
});

/** The values of an array in PostgreSQL's binary format; checks its header. */
function valuesIn(array: Buffer, oid: number): (Buffer | undefined)[] {
  expect([array.readInt32BE(0), array.readInt32BE(4), array.readInt32BE(8), array.readInt32BE(16)]).toEqual([
    1,
    1,
    oid,
    1,
  ]);
  const values: (Buffer | undefined)[] = [];
  let at = 20;
  while (at < array.length) {
    const length = array.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? undefined : array.subarray(at, at + length));
    at += Math.max(0, length);
  }
  expect(values).toHaveLength(array.readInt32BE(12));
  return values;
}

describe('an array in the binary format', () => {
  test('holds whole numbers of up to 53 bits', () => {
    const numbers = [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER];
    expect(valuesIn(int8Array(numbers), 20).map((value) => Number(value?.readBigInt64BE()))).toEqual(numbers);
  });

  test('holds bytes, no bytes and nothing', () => {
    const values = [Buffer.from('a'), Buffer.alloc(0), undefined];
    expect(valuesIn(byteaArray(values), 17)).toEqual(values);
  });

  test('holds texts of bytes, and texts of characters', () => {
    const latin1 = valuesIn(textArray(['\xff\x01', '', undefined], 'latin1'), 17);
    expect(latin1).toEqual([Buffer.from([255, 1]), Buffer.alloc(0), undefined]);
    expect(valuesIn(textArray(['\u20ac'], 'utf8'), 17)).toEqual([Buffer.from('\u20ac')]);
  });
});

describe('an error', () => {
  const said = (code: string) => Object.assign(new Error(code), { code, severity: 'ERROR' });

  test.each(['08006', '40001', '57P01', '57014', '25006', '53300'])(
    '%s may be over with the next connection',
    (code) => {
      expect(isPassing(said(code))).toBe(true);
    },
  );

  test.each(['53100', '23514', '42501', '28P01', '3D000', '22001'])('%s would be there again', (code) => {
    expect(isPassing(said(code))).toBe(false);
  });

  test('of the system is not the word of the database, though it looks like one', () => {
    const error = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    expect([sqlStateOf(error), isPassing(error)]).toEqual([undefined, true]);
  });
});

describe('createPostgresStore()', () => {
  test.each([
    [{ connection: 'mysql://x' }, 'must begin with postgres://'],
    [{ connection: 'postgres://user:secret@db:x/jobs' }, 'no database can be meant by that'],
    [{ connection: { hots: 'x' } }, 'hots'],
    [{ leaseMs: 999 }, 'leaseMs'],
    [{ schema: 'x'.repeat(64) }, 'at most 63 bytes'],
    [{ schema: '' }, 'schema'],
    [{ whenLost: 'wait' }, 'whenLost'],
    [{ whenLost: { waitMs: -1 } }, 'waitMs'],
    [{ unknown: 1 }, 'unknown'],
  ])('refuses %o, and tells no password', (options, sentence) => {
    // As a program in JavaScript may say it.
    const create = () => createPostgresStore(options as Parameters<typeof createPostgresStore>[0]);
    expect(create).toThrow(sentence);
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }));
    expect(create).not.toThrow('secret');
  });

  test.each([
    ['postgres://user:secret@db.example:5433/jobs', 'postgres db.example:5433/jobs gearman'],
    [{ host: 'db', user: 'u', password: 'secret', database: 'jobs' }, 'postgres db:5432/jobs gearman'],
    [{ host: '/run/postgresql', database: 'jobs' }, 'postgres /run/postgresql/jobs gearman'],
  ])('%o has a name without its password', (connection, name) => {
    expect(createPostgresStore({ connection }).name).toBe(name);
  });
});
