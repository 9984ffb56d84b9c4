import { createServer, ListenError, VERSION } from '@gearman/server';
import { CommanderError } from 'commander';
import { parseGearmandArguments } from './gearmand-arguments.ts';
import { stderrLogger } from './stderr-logger.ts';

const EXIT_RUNTIME = 1;
const EXIT_USAGE = 2;
const EXIT_CANNOT_BIND = 3;

async function main(args: readonly string[]): Promise<void> {
  const { port, listen, verbose, ...rules } = parseGearmandArguments(args);
  const server = createServer({ ...rules, logLevel: verbose, logger: stderrLogger(verbose) });
  await server.listen({ port, host: listen });
  const [address] = server.addresses;
  const host = address?.host.includes(':') === true ? `[${address.host}]` : address?.host;
  process.stdout.write(`gearmand ${VERSION} listening on ${host}:${address?.port}\n`);

  const stop = (): void => {
    process.off('SIGTERM', stop);
    process.off('SIGINT', stop);
    void server.close();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function exitCodeOf(error: unknown): number {
  // commander has printed help, version or complaint already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  process.stderr.write(`gearmand: ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof ListenError ? EXIT_CANNOT_BIND : EXIT_RUNTIME;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.exitCode = exitCodeOf(error);
});
