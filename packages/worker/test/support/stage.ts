import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { PoolOptions } from '@gearman/pool';
import { type TestServer, watchLeaks } from '@gearman/testing';
import { createWorker, type Worker, type WorkerSettings } from '../../src/index.ts';
import { StatusReader } from './ask-status.ts';
import { Submitter } from './submitter.ts';

/** Starts a server, on a given port if it must be the same as before. */
export type StartServer = (port?: number) => Promise<TestServer>;

/** Servers, workers and clients of one test: all end with it, and then no socket may be open. */
export class Stage {
  readonly #startServer: StartServer;
  readonly #closing: (() => Promise<unknown>)[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #complaints: string[] = [];
  readonly #leaks = watchLeaks();
  readonly #onSocket = (message: unknown): void => {
    // The channel's documented message.
    const { socket } = message as { readonly socket: Socket };
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  };

  constructor(startServer: StartServer) {
    this.#startServer = startServer;
    subscribe('net.client.socket', this.#onSocket);
  }

  async server(port?: number): Promise<TestServer> {
    const server = await this.#startServer(port);
    this.#closing.push(() => server.stop());
    return server;
  }

  /** A worker for these servers. What its connections complain about fails the test. */
  worker(servers: TestServer | readonly TestServer[], options: WorkerSettings & PoolOptions = {}): Worker {
    const list = 'port' in servers ? [servers] : servers;
    const worker = createWorker({ servers: list.map(({ server }) => server), ...options });
    worker.pool.on('server-error', ({ serverCode, serverText }) =>
      this.#complaints.push(`${serverCode}: ${serverText}`),
    );
    worker.pool.on('protocol-error', ({ error }) => this.#complaints.push(error.message));
    worker.on('late-error', ({ error }) => this.#complaints.push(`late: ${String(error)}`));
    this.#closing.push(() => worker.stop({ timeoutMs: 0 }));
    return worker;
  }

  async client(server: TestServer): Promise<Submitter> {
    const client = await Submitter.open(server.port);
    this.#closing.push(() => client.close());
    return client;
  }

  /** The figures that a server tells. */
  status(server: TestServer): StatusReader {
    const reader = new StatusReader(server.server);
    this.#closing.push(() => reader.close());
    return reader;
  }

  /** What servers said against the workers so far; reading it forgives it. */
  complaints(): string[] {
    return this.#complaints.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
    // A socket that was just destroyed closes at the end of the turn.
    for (let turns = 0; turns < 20 && this.#sockets.size > 0; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    unsubscribe('net.client.socket', this.#onSocket);
    const problems = [...this.#complaints];
    if (this.#sockets.size > 0) problems.push(`${this.#sockets.size} sockets were left open`);
    await this.#leaks.check();
    if (problems.length > 0) throw new Error(problems.join('; '));
  }
}

/** A promise and the function that opens it. */
export function gate<T = void>(): { readonly opened: Promise<T>; readonly open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
