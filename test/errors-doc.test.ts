import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, readLibraries } from '../scripts/lib/workspaces.mjs';
import { withoutComments } from './support/module-text.ts';
import { readSources } from './support/source-files.ts';

const CODE = /ERR_GEARMAN_[A-Z0-9_]*[A-Z0-9]/g;

const sources = readLibraries().flatMap(({ dir }) => readSources(`${dir}/src`));
const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');

const codesIn = (text: string): string[] => text.match(CODE) ?? [];
const sorted = (codes: Iterable<string>): string[] => [...new Set(codes)].sort();

/** Codes that the sources can really produce: string literals, not comments. */
const defined = sorted(sources.flatMap(({ text }) => codesIn(withoutComments(text))));
const headings = [...page.matchAll(/^## `?(ERR_GEARMAN_[A-Z0-9_]+)`?$/gm)].map(([, code = '']) => code);

test('every error code has a heading in docs/errors.md', () => {
  expect(defined.filter((code) => !headings.includes(code))).toEqual([]);
});

test('every heading in docs/errors.md is a code that exists', () => {
  expect(headings.filter((code) => !defined.includes(code))).toEqual([]);
});

test('docs/errors.md lists each code once, in alphabetical order', () => {
  expect(headings).toEqual(sorted(headings));
});

test('comments and the page mention only codes that exist', () => {
  const mentioned = [...sources.map(({ text }) => text), page].flatMap(codesIn);
  expect(sorted(mentioned).filter((code) => !defined.includes(code))).toEqual([]);
});
