const TTY_EVERY_MS = 100;
const LINE_EVERY_MS = 5000;

/** Where progress is shown: standard error, or what a test puts in its place. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Says on standard error how far long work is: in place on a terminal, elsewhere a line every five seconds. */
export class Progress {
  readonly #what: string;
  readonly #output: ProgressOutput;
  readonly #now: () => number;
  #shownAt: number;
  #isOpenLine = false;

  /** @param what is counted, as in `4,000 of 10,000 jobs` */
  constructor(
    what: string,
    output: ProgressOutput = process.stderr,
    now: () => number = () => performance.now(),
  ) {
    this.#what = what;
    this.#output = output;
    this.#now = now;
    this.#shownAt = now();
  }

  /** Call as often as you like. */
  show(done: number, of: number): void {
    const now = this.#now();
    const isTerminal = this.#output.isTTY === true;
    if (now - this.#shownAt < (isTerminal ? TTY_EVERY_MS : LINE_EVERY_MS)) return;
    this.#shownAt = now;
    const text = `${counted(done)} of ${counted(of)} ${this.#what}`;
    this.#isOpenLine = isTerminal;
    this.#output.write(isTerminal ? `\r${text}\u001b[K` : `${text}\n`);
  }

  /** Makes room for what comes next. */
  end(): void {
    if (this.#isOpenLine) this.#output.write('\r\u001b[K');
    this.#isOpenLine = false;
  }
}

/** `1,234,567` */
export const counted = (value: number): string => value.toLocaleString('en-US');

/** `1 job`, `2 jobs` */
export const countOf = (value: number, what: string): string =>
  `${counted(value)} ${what}${value === 1 ? '' : 's'}`;
