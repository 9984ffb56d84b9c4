import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { figuresIn, planOf, sayFigures, TORTURES } from '../scripts/lib/torture-plan.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

describe('npm run torture', () => {
  test('without names runs everything in full size', () => {
    const plan = planOf([]);
    expect('planned' in plan && plan.planned.map(({ torture }) => torture.name)).toEqual(
      TORTURES.map(({ name }) => name),
    );
    expect('planned' in plan && plan.planned.find(({ torture }) => torture.name === 'kills')).toMatchObject({
      env: { GEARMAN_KILLS: '1000' },
      sizes: { kills: 1000 },
    });
  });

  test('runs one in the size that was asked for', () => {
    expect(planOf(['kills', '--kills', '200'])).toMatchObject({
      planned: [{ torture: { name: 'kills' }, env: { GEARMAN_KILLS: '200' } }],
    });
  });

  test.each([
    [['nonsense'], /no torture "nonsense"/],
    [['kills', '--seeds', '3'], /--seeds belongs to none of kills/],
    [['kills', '--kills', 'many'], /--kills takes a number/],
    [['--nonsense'], /nonsense/],
  ])('refuses %j', (args, wrong) => {
    expect(planOf(args)).toEqual({ wrong: expect.stringMatching(wrong) });
  });

  test('lists all of them', () => {
    const plan = planOf(['--help']);
    for (const { name } of TORTURES) expect('help' in plan && plan.help).toContain(name);
  });

  test('names files that are there, and each size once', () => {
    for (const file of TORTURES.flatMap(({ files }) => files))
      expect(existsSync(join(ROOT, file)), file).toBe(true);
    const options = TORTURES.flatMap(({ sizes }) => sizes.map(({ option }) => option));
    expect(new Set(options).size).toBe(options.length);
  });

  test('reads the figures that a test prints', () => {
    expect(figuresIn('torture: {"kills":1000,"lost":0}')).toEqual({ kills: 1000, lost: 0 });
    expect(figuresIn(' ✓ kills')).toBeUndefined();
    expect(sayFigures({ kills: 1000, lost: 0 })).toBe('kills 1,000, lost 0');
  });
});
