import { createServer, type Server, type Socket } from 'node:net';
import { ListenError } from '../errors.ts';
import type { CheckedListenOptions } from '../options.ts';

/** Opens one listener and waits until it accepts. @throws ListenError `ERR_GEARMAN_LISTEN` */
export function listen(
  options: CheckedListenOptions,
  onConnection: (socket: Socket) => void,
): Promise<Server> {
  const { port, host, path, backlog } = options;
  // Answers are collected into one write anyway, so Nagle could only delay them. Half-open: whoever sends a command and
  // closes its sending side (`echo status | nc`) gets the answer.
  const server = createServer({ noDelay: true, allowHalfOpen: true }, onConnection);
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(describe(error, options)));
    server.listen(path === undefined ? { port, host, backlog } : { path, backlog }, () => {
      server.removeAllListeners('error');
      resolve(server);
    });
  });
}

function describe(error: NodeJS.ErrnoException, { port, host, path }: CheckedListenOptions): ListenError {
  const where = path ?? `${host}:${port}`;
  const why = REASONS[error.code ?? ''] ?? error.message;
  return new ListenError(`cannot listen on ${where}: ${why}`, { cause: error });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use; does another job server run there?',
  EACCES: 'no permission; ports below 1024 need privileges',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'the host name is unknown',
};
