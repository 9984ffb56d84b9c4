import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT, readLibraries, readWorkspaces } from '../scripts/lib/workspaces.mjs';
import { type DocBlock, disguisedBlocks, readBlocks } from './support/doc-blocks.ts';
import { compileBlocks, removeCompiledBlocks } from './support/doc-compiler.ts';
import { alignWith, DocPage } from './support/doc-page.ts';
import { filesBelow } from './support/source-files.ts';

const markdownIn = (dir: string): string[] =>
  readdirSync(join(ROOT, dir))
    .filter((name) => name.endsWith('.md'))
    .map((name) => (dir === '.' ? name : `${dir}/${name}`));

const readmes = readWorkspaces()
  .map(({ dir }) => `${dir}/README.md`)
  .filter((path) => existsSync(join(ROOT, path)));
const examples = [...markdownIn('docs/examples'), ...filesBelow('docs/examples/gallery/src', 'README.md')];
const pages = [...new Set([...markdownIn('.'), ...readmes, ...markdownIn('docs'), ...examples])].map(
  (page) => ({
    page,
    blocks: readBlocks(page),
  }),
);

let complaints = new Map<DocBlock, string[]>();
beforeAll(() => {
  complaints = compileBlocks(pages.flatMap(({ blocks }) => blocks));
}, 60_000);
afterAll(() => removeCompiledBlocks());

describe.each(pages.filter(({ blocks }) => blocks.length > 0))('$page', ({ blocks }) => {
  let page: DocPage;
  beforeAll(async () => {
    page = await DocPage.open();
  });
  afterAll(() => page.close());

  test.each(blocks)('the block in line $line compiles', (block) => {
    expect(complaints.get(block)).toEqual([]);
  });

  test.each(blocks.filter(({ marker }) => marker !== 'no-run'))(
    'the block in line $line runs and prints what it says',
    async (block) => {
      const printed = await page.run(block);
      if (block.prints.length > 0) expect(alignWith(printed, block.prints)).toEqual(block.prints);
    },
  );
});

test.each(pages)('$page links only to files that exist', ({ page }) => {
  const links = [...readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\(([^)\s#:]+)(?:#[^)]*)?\)/g)];
  const targets = links.map(([, target = '']) => join(dirname(page), target));
  expect(targets.filter((target) => !existsSync(join(ROOT, target)))).toEqual([]);
});

test('no page hides code from this test behind another fence', () => {
  expect(pages.flatMap(({ page }) => disguisedBlocks(page))).toEqual([]);
});

/** The command line's page shows commands, not code. */
const withCode = readLibraries().filter(({ name }) => name !== '@gearman/cli');

test.each(['README.md', ...withCode.map(({ dir }) => `${dir}/README.md`)])(
  '%s has code that runs',
  (path) => {
    const blocks = pages.find(({ page }) => page === path)?.blocks ?? [];
    expect(blocks.filter(({ marker }) => marker !== 'no-run').length).toBeGreaterThan(0);
  },
);
