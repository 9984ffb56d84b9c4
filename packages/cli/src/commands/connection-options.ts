import { type Command, Option } from 'commander';
import { serverAddress } from '../server-address.ts';
import { UsageError } from './exit-code.ts';
import { count } from './values.ts';

/** What every command that talks to servers takes. */
export interface ConnectionOptions {
  readonly servers?: string;
  readonly host?: string;
  readonly port?: number;
  readonly tls?: true;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly prefix?: string;
}

const DEFAULT_PORT = 4730;

/** Adds {@link ConnectionOptions} to a command. */
export function addConnectionOptions(command: Command): Command {
  return command
    .option(
      '--servers <list>',
      'job servers, with commas: host:port,unix:/path (default: GEARMAN_SERVERS, else 127.0.0.1:4730)',
    )
    .option('-h, --host <host>', 'the only job server; with --port')
    .addOption(new Option('-p, --port <port>', 'its port (default: 4730)').argParser(count(1, 65_535)))
    .option('-S, --tls', 'encrypt the connection')
    .option('--ca-file <file>', 'authorities to trust, PEM (default: GEARMAND_CA_CERTIFICATE)')
    .option('--cert-file <file>', 'our certificate, PEM (default: GEARMAN_CLIENT_PEM)')
    .option('--key-file <file>', 'its private key, PEM (default: GEARMAN_CLIENT_KEY)')
    .option('--prefix <prefix>', 'what function names begin with, before a tab');
}

/** How a client, a worker or an admin connects. */
export function connectionOf(options: ConnectionOptions): {
  readonly servers?: string;
  readonly tls?: true | Readonly<Record<string, string>>;
  readonly prefix?: string;
} {
  const { servers, host, port, tls, caFile, certFile, keyFile, prefix } = options;
  if (servers !== undefined && (host !== undefined || port !== undefined)) {
    throw new UsageError('give --servers, or --host and --port, not both');
  }
  const one =
    host === undefined && port === undefined
      ? undefined
      : serverAddress(host ?? '127.0.0.1', port ?? DEFAULT_PORT);
  const where = servers ?? one;
  const files = Object.entries({ caFile, certFile, keyFile }).flatMap(([name, file]) =>
    file === undefined ? [] : [[name, file]],
  );
  const encrypted = files.length > 0 ? Object.fromEntries(files) : tls;
  return {
    ...(where !== undefined && { servers: where }),
    ...(encrypted !== undefined && { tls: encrypted }),
    ...(prefix !== undefined && { prefix }),
  };
}
