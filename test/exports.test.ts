import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, readLibraries } from '../scripts/lib/workspaces.mjs';
import { exportsOf } from './support/module-text.ts';

const entries = readLibraries().flatMap((library) => library.entries);

/**
 * The public names are a promise. After a wanted change: `npx vitest run test/exports.test.ts -u`, and say so in
 * CHANGELOG.md.
 */
test.each(entries)('$specifier exports what it promises', async ({ specifier, source }) => {
  const names = exportsOf(readFileSync(join(ROOT, source), 'utf8'));

  const values = names.filter(({ kind }) => kind === 'value').map(({ name }) => name);
  const loaded: object = await import(specifier);
  expect(values, 'index text and loaded module differ').toEqual(Object.keys(loaded).sort());

  expect(names.length).toBeGreaterThan(0);
  expect(names.map(({ kind, name }) => `${kind === 'type' ? 'type ' : ''}${name}`)).toMatchSnapshot();
});
