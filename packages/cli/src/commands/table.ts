/** A column: its title, and what it shows of a row. Numbers stand right. */
export interface Column<T> {
  readonly title: string;
  readonly of: (row: T) => string | number;
}

/** Rows below their titles, as wide as need be. */
export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  const cells = rows.map((row) => columns.map(({ of }) => of(row)));
  const shown = cells.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? printable(cell) : String(cell))),
  );
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...shown.map((row) => row[at]?.length ?? 0)),
  );
  const isNumber = columns.map(
    (_, at) => cells.length > 0 && cells.every((row) => typeof row[at] === 'number'),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) =>
        isNumber[at] === true ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return `${[columns.map(({ title }) => title), ...shown].map(line).join('\n')}\n`;
}

/** Names come from peers: what would move the cursor or break the line is shown as `\xHH`. */
export function printable(text: string): string {
  return text.replaceAll(
    /\p{Cc}/gu,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
