import { createServer, type Server, type ServerEvent, type ServerOptions } from '@gearman/server';
import { onTestFinished } from 'vitest';
import { TestConnection } from './test-connection.ts';

/** A server on a free port that ends with its test, and connections to it. */
export class RunningServer {
  readonly server: Server;

  constructor(server: Server) {
    this.server = server;
  }

  get port(): number {
    return this.server.addresses[0]?.port ?? 0;
  }

  async connect(): Promise<TestConnection> {
    const connection = await TestConnection.open(this.port);
    onTestFinished(() => connection.close());
    return connection;
  }

  /** The next event of this type. */
  next<T extends ServerEvent['type']>(type: T): Promise<Extract<ServerEvent, { type: T }>> {
    // once() hands over an event of the type it was asked for.
    return new Promise((resolve) => this.server.once(type, (event) => resolve(event as never)));
  }
}

export async function startServer(options: ServerOptions = {}): Promise<RunningServer> {
  const server = await createServer(options).listen({ port: 0 });
  onTestFinished(() => server.close());
  return new RunningServer(server);
}
