import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { INTENDED_DIFFERENCES } from '../differential/intended-differences.ts';

const PAGE = readFileSync(new URL('../../../../docs/migrating-from-gearmand.md', import.meta.url), 'utf8');

test('the page about migrating gives the reason of every choice, and of nothing else', () => {
  const [, section = ''] = /## Choices\n(.*?)\n## /s.exec(PAGE) ?? [];
  const [, , ...rows] = section.split('\n').filter((line) => line.startsWith('|'));
  const named = rows.map((row) => row.split('|')[1]?.trim());
  const choices = INTENDED_DIFFERENCES.filter(({ kind }) => kind === 'choice').map(({ name }) => name);
  expect(new Set(named)).toEqual(new Set(choices));
  expect(named).toHaveLength(choices.length);
});
