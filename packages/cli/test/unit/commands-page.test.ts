import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { commandMarkdown } from '../support/command-markdown.ts';

const PAGE = new URL('../../../../docs/commands.md', import.meta.url);

/** UPDATE_DOCS=1 writes the parts anew. */
test('docs/commands.md holds every command, every option, and every difference', () => {
  const page = readFileSync(PAGE, 'utf8');
  let wanted = page;
  for (const [name, text] of Object.entries(commandMarkdown())) {
    const between = new RegExp(`(?<=<!-- ${name}: [^\\n]* -->\\n).*?(?=<!-- end of ${name} -->)`, 's');
    expect(page, name).toMatch(between);
    wanted = wanted.replace(between, () => `\n${text}\n\n`);
  }
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, wanted);
  else expect(page, 'run this test with UPDATE_DOCS=1').toBe(wanted);
});
