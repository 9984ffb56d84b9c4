import { describe, expect, test } from 'vitest';
import { formatTable, printable } from '../../src/commands/table.ts';

interface Row {
  readonly name: string;
  readonly count: number;
}

const COLUMNS = [
  { title: 'NAME', of: ({ name }: Row) => name },
  { title: 'N', of: ({ count }: Row) => count },
];

describe('formatTable()', () => {
  test('puts text left and numbers right, as wide as need be', () => {
    const rows = [
      { name: 'a', count: 7 },
      { name: 'longer', count: 1234 },
    ];
    expect(formatTable(COLUMNS, rows)).toBe('NAME       N\na          7\nlonger  1234\n');
  });

  test('shows the titles when there is nothing', () => {
    expect(formatTable(COLUMNS, [])).toBe('NAME  N\n');
  });

  test('lets no name of a peer move the cursor or break the line', () => {
    expect(formatTable(COLUMNS, [{ name: '\x1b[2J\n\x9bA', count: 1 }]).split('\n')[1]).toBe(
      '\\x1b[2J\\x0a\\x9bA  1',
    );
  });
});

test('printable() leaves other characters as they are', () => {
  expect(printable('grün \\ 工')).toBe('grün \\ 工');
});
