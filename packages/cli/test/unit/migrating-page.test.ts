import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { optionMarkdown } from '../support/option-markdown.ts';

const PAGE = new URL('../../../../docs/migrating-from-gearmand.md', import.meta.url);
const BETWEEN_MARKS = /(?<=<!-- options: [^\n]* -->\n).*?(?=<!-- end of options -->)/s;

/** UPDATE_DOCS=1 writes the table anew. */
test('docs/migrating-from-gearmand.md holds the table of options', () => {
  const page = readFileSync(PAGE, 'utf8');
  const wanted = page.replace(BETWEEN_MARKS, () => `\n${optionMarkdown()}\n`);
  expect(page).toMatch(BETWEEN_MARKS);
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, wanted);
  else expect(page, 'run this test with UPDATE_DOCS=1').toBe(wanted);
});
