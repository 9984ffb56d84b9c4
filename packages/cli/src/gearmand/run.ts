import { InvalidArgumentError } from '@gearman/protocol';
import { createServer, ListenError, type Server, type ServerOptions, VERSION } from '@gearman/server';
import { CommanderError } from 'commander';
import { becomeUser } from './become-user.ts';
import { isBackground, reportToForeground, startInBackground } from './daemon.ts';
import { openStore, storeOf } from './data-dir.ts';
import { EXIT, type ExitCode, FatalError } from './exit-code.ts';
import { isLocal, listenAll, showAddress } from './listen.ts';
import { openLog } from './log.ts';
import { logEvents } from './log-events.ts';
import { writePidFile } from './pid-file.ts';
import { readSettings, type Settings } from './settings.ts';
import { obeySignals } from './signals.ts';

const STORE = 'store';

/**
 * The command `gearmand`: returns when the server accepts connections, or the process is about to end. With `store` as its
 * first argument it looks after a store instead.
 */
export async function runGearmand(args: readonly string[]): Promise<void> {
  if (args[0] === STORE) {
    const { runStoreProgram } = await import('../store/program.ts');
    await runStoreProgram(args.slice(1));
    return;
  }
  try {
    const settings = readSettings(args, process.env);
    if (!isBackground()) warn(settings.warnings);
    if (settings.checkOnly) return;
    if (settings.daemon && !isBackground()) {
      say(await startInBackground(args));
      process.exit(EXIT.ok);
    }
    const line = await start(settings);
    if (isBackground()) await reportToForeground({ ready: line });
    else say(line);
  } catch (error) {
    await fail(error);
  }
}

/** Resolves with what to say when everything is open. */
async function start(settings: Settings): Promise<string> {
  const log = openLog(settings.log);
  const store = await storeOf(settings, log);
  const server = newServer({ ...settings.server, store, logger: log.logger });
  logEvents(server, log);
  endWithoutStore(server);
  await openStore(server, settings, log);
  await listenAll(server, settings);
  if (settings.pidFile !== undefined) writePidFile(settings.pidFile);
  if (settings.user !== undefined) becomeUser(settings.user);
  const hasTls = settings.server.tls !== undefined;
  obeySignals(server, log, hasTls);
  const where = server.addresses.map(showAddress).join(', ');
  const open = server.addresses.every(isLocal)
    ? 'only this machine can connect'
    : 'everybody who reaches this address may submit jobs and use the admin commands';
  const { httpAddress } = server;
  if (httpAddress !== undefined)
    log.always({ version: VERSION, tls: false }, `taking jobs over HTTP on ${showAddress(httpAddress)}`);
  log.always({ version: VERSION, tls: hasTls }, `listening on ${where}: ${open}`);
  return `gearmand ${VERSION} listening on ${where}`;
}

/** Another server has our jobs, and runs them: whoever is connected here is better off there. */
function endWithoutStore(server: Server): void {
  server.on('store-broken', ({ error }) => {
    if ((error as { readonly code?: string }).code !== 'ERR_GEARMAN_STORE_TAKEN_OVER') return;
    process.stderr.write(`gearmand: ${error.message}\n`);
    process.exit(EXIT.store);
  });
}

function newServer(options: ServerOptions): Server {
  try {
    return createServer(options);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new FatalError(error.message, { exitCode: EXIT.usage, cause: error });
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function warn(warnings: readonly string[]): void {
  for (const warning of warnings) process.stderr.write(`gearmand: warning: ${warning}\n`);
}

async function fail(error: unknown): Promise<void> {
  const exitCode = exitCodeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (isBackground()) await reportToForeground({ failed: message, exitCode });
  // commander has printed help, version or complaint already.
  else if (!(error instanceof CommanderError)) process.stderr.write(`gearmand: ${message}\n`);
  process.exit(exitCode);
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof FatalError) return error.exitCode;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  return error instanceof ListenError ? EXIT.bind : EXIT.runtime;
}
