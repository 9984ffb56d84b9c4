import { setTimeout as wait } from 'node:timers/promises';
import type { ServerAdmin } from '@gearman/admin';
import { parseDuration } from '../duration.ts';
import { serverAddress } from '../server-address.ts';
import { readVersion } from '../version.ts';
import { explain, type Target } from './explain.ts';
import { type Operation, operationsOf } from './operations.ts';
import { CLASSIC_OPTIONS, describeOptions, OWN_OPTIONS } from './option-table.ts';
import { type AdminArguments, ArgumentError, parseArguments } from './parse-arguments.ts';

const FAILED = 1;

/** The command `gearadmin`, as the C tool: bytes, exit codes, and the order of the operations. */
export async function runGearadmin(args: readonly string[]): Promise<void> {
  try {
    process.exitCode = await run(parseArguments(args));
  } catch (error) {
    if (error instanceof ArgumentError) {
      print(`gearadmin : ${error.message}\n\n${describeOptions('Options', CLASSIC_OPTIONS)}\n`);
    } else process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = FAILED;
  }
}

/** Resolves with the exit code. */
async function run(given: AdminArguments): Promise<number> {
  if (given.has('help')) {
    print(
      `${describeOptions('Options', CLASSIC_OPTIONS)}\n${describeOptions('Not in the C tool', OWN_OPTIONS)}\n`,
    );
    return 0;
  }
  if (given.has('version')) {
    print(`${readVersion()}\n`);
    return 0;
  }
  const operations = operationsOf(given);
  if (operations.length === 0) {
    print(`No option execution operation given.\n\n${describeOptions('Options', CLASSIC_OPTIONS)}\n`);
    return FAILED;
  }
  const intervalMs = intervalOf(given);
  const { createAdmin } = await import('@gearman/admin');
  const { target, servers } = whereTo(given);
  const tls = given.has('ssl');
  await using admin = createAdmin({ servers, ...(tls && { tls }) });
  const ask = async (): Promise<number> => {
    const several = admin.servers.length > 1;
    // One after the other: what the servers say must not mix.
    let exitCode = 0;
    for (const name of admin.servers) {
      try {
        await admin.each((server) => report(server, operations, given, several), { servers: name });
      } catch (error) {
        process.stderr.write(`Error: ${explain(error, several ? name : target)}\n`);
        exitCode = FAILED;
      }
    }
    return exitCode;
  };
  if (intervalMs === undefined) return await ask();
  for (;;) {
    if (process.stdout.isTTY) print('\x1b[H\x1b[2J');
    await ask();
    await wait(intervalMs);
  }
}

/** Several servers, or host and port as the C tool takes them. */
function whereTo(given: AdminArguments): { readonly servers: string; readonly target: Target } {
  const host = given.get('host') ?? 'localhost';
  const port = given.get('port') ?? '4730';
  const target = { host, port };
  const servers = given.get('servers');
  if (servers !== undefined) return { servers, target };
  if (!/^\d+$|^gearman$/.test(port)) {
    throw new Error(`Failed to connect on ${host}:${port} with Servname not supported for ai_socktype`);
  }
  return { servers: serverAddress(host, port === 'gearman' ? '4730' : port), target };
}

function intervalOf(given: AdminArguments): number | undefined {
  const text = given.get('watch');
  if (text === undefined) return undefined;
  const intervalMs = parseDuration(text);
  if (intervalMs === undefined) {
    throw new ArgumentError(`the argument ('${text}') for option '--watch' is invalid: say 500ms, 2s or 1m`);
  }
  return intervalMs;
}

async function report(
  server: ServerAdmin,
  operations: readonly Operation[],
  given: AdminArguments,
  several: boolean,
): Promise<void> {
  const asJson = given.has('json');
  if (several && !asJson) print(`${server.server}\n`);
  for (const { name, command, value } of operations) {
    const argument = given.get(name) ?? '';
    if (asJson) {
      const answer = { server: server.server, operation: name, value: await value(server, argument) };
      print(`${JSON.stringify(answer)}\n`);
    } else printAnswer(await server.command(command(argument)));
  }
}

/**
 * `OK` is left out where something follows it; refusals go to standard error, and do not change the exit code. Lines
 * hold one byte per character, as servers send them.
 */
function printAnswer(lines: readonly string[]): void {
  const [first = '', ...others] = lines;
  if (first.startsWith('ERR ')) {
    process.stderr.write(Buffer.from(`Error: ${first.slice(4)}\r\n`, 'latin1'));
    return;
  }
  const text = [first.replace(/^OK /, ''), ...others].map((line) => `${line}\n`).join('');
  process.stdout.write(Buffer.from(text, 'latin1'));
}

function print(text: string): void {
  process.stdout.write(text);
}
