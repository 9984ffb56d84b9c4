import { describe, expect, test } from 'vitest';
import { figuresComplaints, figuresLine, readFigures, withFigures } from '../scripts/lib/package-figures.mjs';

const README = '# x\n\nDoes y.\n\n```sh\nnpm install x\n```\n\n## Use\n';
const FIGURES = { sizeBytes: 1_234_567, packages: 3, importMs: 61.7 };
const LINE = 'Installed: 1.23 MB in 3 packages; loaded in 62 ms with Node.js 20.';

describe('The figures of a package', () => {
  test('are one line behind how to install it', () => {
    const line = figuresLine(FIGURES, '20.19.0');
    expect(line).toBe(LINE);
    expect(withFigures(README, line)).toBe(README.replace('\n## Use', `\n${LINE}\n\n## Use`));
  });

  test('take the place of those that were there', () => {
    const once = withFigures(README, LINE);
    const alone = figuresLine({ sizeBytes: 100_000, packages: 1, importMs: undefined }, '20.19.0');
    expect(withFigures(once, alone)).toBe(once.replace(LINE, 'Installed: 0.10 MB in 1 package.'));
  });

  test('are read as they were written', () => {
    expect(readFigures(withFigures(README, LINE))).toEqual({
      sizeBytes: 1_230_000,
      packages: 3,
      importMs: 62,
    });
    expect(readFigures(README)).toBeUndefined();
  });

  test('have no place in a README that does not say how to install', () => {
    expect(() => withFigures('# x\n', LINE)).toThrow('does not say how to install');
  });

  test.each([
    ['the same', {}, 0],
    ['a little more', { sizeBytes: 1_350_000 }, 0],
    ['much more', { sizeBytes: 1_400_000 }, 1],
    ['much less', { sizeBytes: 1_100_000 }, 1],
    ['other packages', { packages: 4 }, 1],
    ['another time', { importMs: 1000 }, 0],
  ])('are complained about when they are wrong: %s', (_, change, complaints) => {
    const readme = withFigures(README, LINE);
    expect(figuresComplaints(readme, { ...FIGURES, ...change })).toHaveLength(complaints);
  });

  test('are complained about when they are missing', () => {
    expect(figuresComplaints(README, FIGURES)).toEqual([
      'the README does not say how large it is: npm run check:packages -- --write-figures',
    ]);
  });
});
