import { setTimeout as wait } from 'node:timers/promises';
import type { Admin, AdminFailure } from '@gearman/admin';
import { type ConnectionOptions, connectionOf } from './connection-options.ts';
import { EXIT } from './exit-code.ts';

/** What commands take that show something. */
export interface ShowOptions extends ConnectionOptions {
  readonly json?: true;
  /** Milliseconds between looks. */
  readonly watch?: number;
}

/** What servers said, ready to be shown. */
export interface Shown {
  readonly text: string;
  readonly json: unknown;
  readonly failures: readonly AdminFailure[];
}

/** Opens an admin with the options of a command. */
export async function openAdmin(options: ConnectionOptions): Promise<Admin> {
  const { createAdmin } = await import('@gearman/admin');
  return createAdmin(connectionOf(options));
}

/** Asks once, or with `--watch` again and again, and prints what was said. Servers that say nothing are named on stderr. */
export async function show(options: ShowOptions, ask: (admin: Admin) => Promise<Shown>): Promise<void> {
  await using admin = await openAdmin(options);
  if (options.watch === undefined) {
    print(await ask(admin), options);
    return;
  }
  for (;;) {
    // An unreachable server is part of what there is to watch.
    const shown = await ask(admin).catch((error: unknown) => nothing(error));
    if (process.stdout.isTTY && options.json !== true) process.stdout.write('\x1b[H\x1b[2J');
    print(shown, options);
    await wait(options.watch);
  }
}

/** Does something with every server. Refusals are named on stderr, and make the exit code 1. */
export async function act(
  options: ShowOptions,
  work: (admin: Admin) => Promise<{ readonly failures: readonly AdminFailure[] } | undefined>,
): Promise<void> {
  await using admin = await openAdmin(options);
  const failures = (await work(admin))?.failures ?? [];
  if (options.json === true) {
    process.stdout.write(
      `${JSON.stringify({ ok: failures.length === 0, failures: failures.map(describe) })}\n`,
    );
  }
  complainOf(failures);
}

function print({ text, json, failures }: Shown, options: ShowOptions): void {
  process.stdout.write(options.json === true ? `${JSON.stringify(json)}\n` : text);
  complainOf(failures);
}

function complainOf(failures: readonly AdminFailure[]): void {
  for (const { error } of failures) process.stderr.write(`gearman: ${error.message}\n`);
  if (failures.length > 0) process.exitCode = EXIT.failed;
}

function nothing(error: unknown): Shown {
  const message = error instanceof Error ? error.message : String(error);
  return { text: `${message}\n`, json: { error: message }, failures: [] };
}

/** A failure as JSON. */
export function describe({ server, error }: AdminFailure): {
  readonly server: string;
  readonly code: string;
  readonly message: string;
} {
  return { server, code: error.code, message: error.message };
}
