import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { OPTION_TABLE } from '../../src/gearmand/option-table.ts';

interface TheirOption {
  readonly long: string;
  readonly short?: string;
  readonly takesValue: boolean;
  readonly default?: string;
}

/** What `gearmand --help` of 1.1.20 lists. */
const THEIRS: readonly TheirOption[] = JSON.parse(
  readFileSync(new URL('../fixtures/gearmand-1.1.20-options.json', import.meta.url), 'utf8'),
);

test.each(THEIRS)('knows --$long of gearmand 1.1.20', ({ long, short, takesValue }) => {
  const row = OPTION_TABLE.get(long);
  expect(row).toBeDefined();
  expect(row?.short).toBe(short);
  expect(row?.value !== undefined).toBe(takesValue);
});

test('says which options gearmand does not have', () => {
  // --check-args is hidden there; -v is gone; the last two queues are not part of Debian's package.
  const notInHelp = /^(check-args|v|libdrizzle-.*|libtokyocabinet-.*)$/;
  const theirs = new Set(THEIRS.map(({ long }) => long));
  const ours = [...OPTION_TABLE].filter(([name]) => !theirs.has(name) && !notInHelp.test(name));
  for (const [name, { isOurs }] of ours) expect(isOurs, name).toBe(true);
});

test('gives each letter once', () => {
  const letters = [...OPTION_TABLE.values()].flatMap(({ short }) => short ?? []);
  expect(new Set(letters).size).toBe(letters.length);
});

test('has a sentence for every option', () => {
  for (const [name, { help }] of OPTION_TABLE) expect(help, name).toMatch(/\w{3}/);
});
