import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../../scripts/lib/workspaces.mjs';

/** The first cells of the tables below each heading of a page, by the heading's text. */
function readSections(path: string): Map<string, string[]> {
  const sections = new Map<string, string[]>();
  let rows: string[] = [];
  for (const line of readFileSync(join(ROOT, path), 'utf8').split('\n')) {
    const heading = /^## (.*)$/.exec(line)?.[1];
    const cell = /^\| (.*?) (?<!\\)\|/.exec(line)?.[1];
    if (heading !== undefined) {
      rows = [];
      sections.set(heading, rows);
    } else if (cell !== undefined && !cell.startsWith('In ')) rows.push(cell);
  }
  return sections;
}

/** A page for people who used another library: each of its rows is a test of the same name. */
export class MigrationPage {
  readonly #path: string;
  readonly #sections: Map<string, string[]>;
  readonly #tested = new Set<string>();

  /** @param library the last part of the page's file name */
  constructor(library: string) {
    this.#path = `docs/coming-from-${library}.md`;
    this.#sections = readSections(this.#path);
  }

  /** A test of the row whose first cell is `cell`, as it is written. */
  readonly row = (cell: string, body: () => Promise<void> | void): void => {
    this.#tested.add(cell);
    test(cell, body);
  };

  /** The tests that every row of the page has a test, and every test a row. */
  readonly end = (): void => {
    for (const [heading, rows] of this.#sections) {
      test(`${this.#path} has a test for every row of "${heading}"`, () => {
        expect(rows.length).toBeGreaterThan(0);
        expect(rows.filter((row) => !this.#tested.has(row))).toEqual([]);
      });
    }
    test(`${this.#path} has every row that is tested`, () => {
      const rows = [...this.#sections.values()].flat();
      expect([...this.#tested].filter((cell) => !rows.includes(cell))).toEqual([]);
    });
  };
}
