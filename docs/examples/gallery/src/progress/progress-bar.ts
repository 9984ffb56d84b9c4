const CELLS = 30;

/** What there is of stdout here. */
export interface Screen {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** A bar that grows on a terminal; one line after the other where there is none, as in a log file. */
export function showProgress(fraction: number, out: Screen): void {
  const percent = `${Math.floor(fraction * 100)} %`;
  if (!out.isTTY) {
    out.write(`${percent}\n`);
    return;
  }
  const bar = '█'.repeat(Math.floor(fraction * CELLS)).padEnd(CELLS, '░');
  out.write(`\r${bar} ${percent}${fraction === 1 ? '\n' : ''}`);
}
