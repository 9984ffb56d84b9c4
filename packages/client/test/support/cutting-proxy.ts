import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { StreamParser } from '@gearman/protocol';

/** Stands between a client and a job server. */
export interface CuttingProxy {
  readonly server: string;
  /** Connections so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/**
 * A proxy that cuts its first connection when the server acknowledges a job there: the server has the job, and the client
 * never hears of it. Later connections it leaves alone.
 */
export async function startCuttingProxy(port: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const proxy = createServer((client) => {
    const cuts = connections++ === 0;
    const upstream = connect({ port, host: '127.0.0.1' });
    const parser = new StreamParser();
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', cut);
      socket.on('close', () => {
        sockets.delete(socket);
        cut();
      });
    }
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => {
      if (cuts && [...parser.push(chunk)].some(({ type }) => type === 'JOB_CREATED')) cut();
      else client.write(chunk);
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  // A server that listens on TCP has such an address.
  const address = proxy.address() as AddressInfo;
  return {
    server: `127.0.0.1:${address.port}`,
    get connections() {
      return connections;
    },
    close: async () => {
      proxy.close();
      for (const socket of sockets) socket.destroy();
      await once(proxy, 'close');
    },
  };
}
