import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { ListenError } from '../errors.ts';
import type { CheckedListenOptions } from '../options.ts';

/** Where a server accepts connections. */
export interface ServerAddress {
  /** An IP address, or the path of a Unix socket. */
  readonly host: string;
  /** Undefined for a Unix socket. */
  readonly port: number | undefined;
}

type Where = Pick<CheckedListenOptions, 'port' | 'host' | 'path' | 'fd' | 'backlog'>;

/** Opens one listener and waits until it accepts. @throws ListenError `ERR_GEARMAN_LISTEN` */
export async function listen(where: Where, onConnection: (socket: Socket) => void): Promise<Server> {
  // Answers are collected into one write anyway, so Nagle could only delay them. Half-open: whoever sends a command and
  // closes its sending side (`echo status | nc`) gets the answer.
  const server = createServer({ noDelay: true, allowHalfOpen: true }, onConnection);
  await openListener(server, where);
  return server;
}

/** Waits until a listener accepts. @throws ListenError `ERR_GEARMAN_LISTEN` */
export function openListener(server: Server, where: Where): Promise<void> {
  const { port, host, path, fd, backlog } = where;
  const place = fd !== undefined ? { fd } : path !== undefined ? { path } : { port, host };
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(describe(error, where));
    server.once('error', onError);
    server.listen({ ...place, backlog }, () => {
      server.off('error', onError);
      resolve();
    });
  });
}

/** Accepts no more; resolves when every connection is closed. */
export function closeListener(listener: Server): Promise<void> {
  return new Promise((resolve) => {
    listener.close(() => resolve());
  });
}

export function addressOf(listener: Server): ServerAddress {
  const address: AddressInfo | string | null = listener.address();
  if (address === null || typeof address === 'string') return { host: address ?? '', port: undefined };
  return { host: address.address, port: address.port };
}

/** As a client on this machine names it; one that listens on all addresses is reached on the loopback one. */
export function toServerName({ host, port }: ServerAddress): string {
  if (port === undefined) return `unix:${host}`;
  if (host === '0.0.0.0') return `127.0.0.1:${port}`;
  if (!host.includes(':')) return `${host}:${port}`;
  return `[${host === '::' ? '::1' : host}]:${port}`;
}

function describe(error: NodeJS.ErrnoException, { port, host, path, fd }: Where): ListenError {
  const where = fd === undefined ? (path ?? `${host}:${port}`) : `descriptor ${fd}`;
  const why = REASONS[error.code ?? ''] ?? error.message;
  return new ListenError(`cannot listen on ${where}: ${why}`, { cause: error });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use; does another job server run there?',
  EACCES: 'no permission; ports below 1024 need privileges',
  EINVAL: 'it is not open, or no socket',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'the host name is unknown',
};
