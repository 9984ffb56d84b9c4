import { createServer, type ServerOptions } from '@gearman/server';
import type { TestServer } from './test-servers.ts';

/** Starts our job server on a free port of 127.0.0.1 and resolves when it accepts connections. */
export async function startOurServer(options: ServerOptions = {}, port = 0): Promise<TestServer> {
  const server = await createServer(options).listen({ host: '127.0.0.1', port });
  const bound = server.addresses[0]?.port;
  if (bound === undefined) throw new Error('the server has no port');
  const stop = (): Promise<void> => server.close();
  return {
    name: '@gearman/server',
    server: `127.0.0.1:${bound}`,
    port: bound,
    stop,
    kill: stop,
    [Symbol.asyncDispose]: stop,
  };
}
