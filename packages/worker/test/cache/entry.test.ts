import { describe, expect, test } from 'vitest';
import { storeKey } from '../../src/cache/cache-key.ts';
import { decodeEntry, encodeEntry, isEmptyResult } from '../../src/cache/entry.ts';

describe('an entry', () => {
  test.each([
    ['nothing', undefined],
    ['text', 'grüße'],
    ['bytes', Buffer.from([0, 255, 10])],
    ['JSON', { b: [1, null, true], a: { c: 'd' } }],
  ])('brings back %s', (_, result) => {
    const entry = { madeAtMs: 12, chunks: ['a', Buffer.from('b')], result };
    expect(decodeEntry(encodeEntry(entry))).toEqual(entry);
  });

  test.each([[new Map()], [new Date(0)], [Number.NaN], [10n], [{ a: () => 1 }]])(
    'refuses %s, which JSON would change',
    (result) => {
      expect(() => encodeEntry({ madeAtMs: 0, chunks: [], result })).toThrow(/is no JSON/);
    },
  );

  test.each([[undefined], [12], ['{'], ['{}'], ['[]'], ['[2,0,{}]'], ['[1,"0",{}]']])(
    'is not what something else has written: %s',
    (text) => {
      expect(decodeEntry(text)).toBeUndefined();
    },
  );

  test.each<[unknown, boolean]>([
    [undefined, true],
    [null, true],
    ['', true],
    [new Uint8Array(0), true],
    [[], true],
    [{}, true],
    [0, false],
    [false, false],
    ['0', false],
    [[0], false],
    [new Date(0), false],
  ])('is empty, %j: %s', (value, empty) => {
    expect(isEmptyResult(value)).toBe(empty);
  });
});

describe('a key', () => {
  test('is the same for objects whose keys stand in another order', () => {
    expect(storeKey('f', { a: 1, b: [{ c: 2, d: 3 }] })).toBe(storeKey('f', { b: [{ d: 3, c: 2 }], a: 1 }));
    expect(storeKey('f', { a: 1, b: undefined })).toBe(storeKey('f', { a: 1 }));
  });

  test('differs by name, by value and by kind', () => {
    const keys = [
      storeKey('f', 'a'),
      storeKey('g', 'a'),
      storeKey('f', 'b'),
      storeKey('f', ['a']),
      storeKey('f', Buffer.from('"a"')),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('refuses what refers to itself', () => {
    const loop: unknown[] = [];
    loop.push(loop);
    expect(() => storeKey('f', loop)).toThrow(/nested too deep/);
  });
});
