import { toFunctionName, toJobHandle, toUniqueId } from '@gearman/protocol';
import { describe, expect, it } from 'vitest';

const rejected = (message: string) =>
  expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT', message });

describe.each([
  { make: toFunctionName, what: 'function name', min: 1, max: 512 },
  { make: toUniqueId, what: 'unique id', min: 0, max: 64 },
  { make: toJobHandle, what: 'job handle', min: 1, max: 63 },
])('a $what', ({ make, what, min, max }) => {
  it(`has ${min} to ${max} bytes`, () => {
    expect(make('x'.repeat(min))).toBe('x'.repeat(min));
    expect(make('x'.repeat(max))).toBe('x'.repeat(max));
    expect(() => make('x'.repeat(max + 1))).toThrow(
      rejected(`the ${what} is ${max + 1} bytes long; at most ${max} are allowed`),
    );
    if (min > 0) expect(() => make('')).toThrow(rejected(`the ${what} must not be empty`));
  });

  it('counts bytes, not characters', () => {
    expect(make('é'.repeat(Math.floor(max / 2)))).toHaveLength(Math.floor(max / 2) * 2);
    expect(() => make('é'.repeat(Math.floor(max / 2) + 1))).toThrow(/bytes long/);
  });

  it('is the UTF-8 of its text', () => {
    expect(make('ü☃')).toBe('Ã¼â\u0098\u0083');
  });

  it('holds no NUL', () => {
    expect(() => make('a\0')).toThrow(rejected(`the ${what} must not contain a NUL`));
  });

  it.each([undefined, null, 1, {}, ['x']])('is not %j', (value) => {
    // What a caller without types may pass.
    expect(() => make(value as string)).toThrow(
      rejected(`the ${what} must be a string, not ${typeof value}`),
    );
  });
});
