import type { Snapshot } from '@gearman/admin';
import { Command, Option } from 'commander';
import { openAdmin } from './ask.ts';
import { addConnectionOptions, type ConnectionOptions } from './connection-options.ts';
import { EXIT } from './exit-code.ts';
import { renderTop, SORT_KEYS, type SortKey } from './top-screen.ts';
import { duration, pattern } from './values.ts';

interface TopOptions extends ConnectionOptions {
  readonly interval: number;
  readonly sort: SortKey;
  readonly filter?: RegExp;
  readonly once?: true;
}

const KEYS = `
Keys: q ends, s sorts by the next column.`;

/** `gearman top` */
export function topCommand(): Command {
  const command = addConnectionOptions(new Command('top').description('functions, jobs and workers, live'))
    .addOption(
      new Option('-i, --interval <duration>', 'how often to look').argParser(duration).default(1000, '1s'),
    )
    .addOption(new Option('--sort <key>', 'what comes first').choices(SORT_KEYS).default('queued'))
    .addOption(
      new Option('--filter <pattern>', 'only functions that match this regular expression').argParser(
        pattern,
      ),
    )
    .option('--once', 'print what there is, and end')
    .addHelpText('after', KEYS);
  return command.action(top);
}

async function top(options: TopOptions): Promise<void> {
  const admin = await openAdmin(options);
  const isLive = process.stdout.isTTY && options.once !== true;
  const screen = isLive ? new Screen(options.sort) : undefined;
  await new Promise<void>((resolve) => {
    let latest: Snapshot | undefined;
    const draw = (): void => {
      if (latest !== undefined) screen?.draw(renderTop(latest, { ...view(options), sort: screen.sort }));
    };
    const subscription = admin.poll$({ intervalMs: options.interval }).subscribe({
      next: (snapshot) => {
        latest = snapshot;
        if (screen !== undefined) draw();
        else
          process.stdout.write(`${renderTop(snapshot, view(options))}${options.once === true ? '' : '\n'}`);
        if (options.once !== true) return;
        if (snapshot.failures.length > 0) {
          process.exitCode = snapshot.answers.length === 0 ? EXIT.unreachable : EXIT.failed;
        }
        // Not now: with an answer that is there at once there is no subscription yet.
        queueMicrotask(end);
      },
      complete: resolve,
    });
    const end = (): void => {
      subscription.unsubscribe();
      resolve();
    };
    screen?.open(draw, end);
  });
  screen?.close();
  await admin.close();
}

const view = ({ sort, filter }: TopOptions) => ({
  sort,
  filter,
  lines: process.stdout.isTTY ? (process.stdout.rows || USUAL.rows) - 1 : Number.POSITIVE_INFINITY,
});

const ESC = '\x1b[';
/** Some terminals do not say how large they are. */
const USUAL = { rows: 24, columns: 80 };

/** The second page of the terminal, and its keys. */
class Screen {
  sort: SortKey;
  #onKey: ((key: Buffer) => void) | undefined;

  constructor(sort: SortKey) {
    this.sort = sort;
  }

  open(draw: () => void, end: () => void): void {
    process.stdout.write(`${ESC}?1049h${ESC}?25l`);
    // Whatever ends the process, the terminal is given back as it was.
    process.once('exit', restore);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
    process.stdout.on('resize', draw);
    if (!process.stdin.isTTY) return;
    this.#onKey = (key) => {
      const text = key.toString();
      if (text === 'q' || text === '\x03') end();
      if (text !== 's') return;
      this.sort = SORT_KEYS[(SORT_KEYS.indexOf(this.sort) + 1) % SORT_KEYS.length] ?? this.sort;
      draw();
    };
    process.stdin.setRawMode(true).on('data', this.#onKey);
  }

  draw(text: string): void {
    // Each line is cut at the width, and what was behind it is wiped away: no flicker.
    const lines = text
      .split('\n')
      .map((line) => `${line.slice(0, process.stdout.columns || USUAL.columns)}${ESC}K`);
    process.stdout.write(`${ESC}H${lines.join('\r\n')}${ESC}J`);
  }

  close(): void {
    if (this.#onKey !== undefined) process.stdin.off('data', this.#onKey).pause();
    process.off('exit', restore);
    restore();
  }
}

function restore(): void {
  if (process.stdin.isTTY) process.stdin.setRawMode(false);
  process.stdout.write(`${ESC}?25h${ESC}?1049l`);
}
