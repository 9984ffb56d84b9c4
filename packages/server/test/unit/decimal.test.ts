import { expect, test } from 'vitest';
import { leadingInteger, leadingUint32 } from '../../src/decimal.ts';

test.each([
  ['', 0],
  ['abc', 0],
  ['12', 12],
  ['12abc', 12],
  ['  12', 12],
  ['-12', -12],
  ['+12', 12],
  ['- 12', 0],
  ['1.9', 1],
  ['0x10', 0],
  ['9000000000000000000', 9e18],
  ['9223372036854775808', undefined],
  ['9'.repeat(400), undefined],
])('leadingInteger(%j) is %s', (text, value) => {
  expect(leadingInteger(text)).toBe(value);
});

test.each([
  ['4294967295', 4294967295],
  ['4294967296', 0],
  ['-1', 4294967295],
  ['9007199254740993', 1],
  ['-9007199254740993', 4294967295],
  ['9'.repeat(40), 4294967295],
  [`-${'9'.repeat(40)}`, 0],
])('leadingUint32(%j) is %s', (text, value) => {
  expect(leadingUint32(text)).toBe(value);
});
