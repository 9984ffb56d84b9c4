import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countWords, mergeTallies, type Tally } from '../../docs/examples/word-count/src/tally.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'B', 'é', ' ', '\n', '\u00a0', '.') });
const words = (texts: readonly string[]): number =>
  texts
    .join('')
    .split(/[\s\u00a0]+/)
    .filter(Boolean).length;

describe('tallies', () => {
  test('of any files add up to the words of all of them behind one another', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1 }), (texts) => {
        const tally = mergeTallies(texts.map((each) => countWords(each, 'w')));
        expect(tally.words).toBe(words(texts));
        expect(tally.files).toBe(texts.length);
        expect(tally.shares).toEqual({ w: texts.length });
      }),
    );
  });

  test('can be merged in any grouping', () => {
    const grouped = fc.array(fc.array(text, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(grouped, (groups) => {
        const tally = (texts: readonly string[]): Tally =>
          mergeTallies(texts.map((each) => countWords(each, 'w')));
        expect(mergeTallies(groups.map(tally))).toEqual(tally(groups.flat()));
      }),
    );
  });

  test('count how often a word occurs, whatever its case', () => {
    expect(countWords('To be, or not to BE', 'w').frequencies).toEqual({ to: 2, be: 2, or: 1, not: 1 });
  });
});
