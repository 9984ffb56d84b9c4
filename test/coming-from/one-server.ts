import { type Admin, createAdmin } from '@gearman/admin';
import { type Client, createClient } from '@gearman/client';
import { startOurServer, type TestServer, watchLeaks } from '@gearman/testing';
import { createWorker, type Handler, type Worker, type WorkerSettings } from '@gearman/worker';
import { afterAll, beforeAll } from 'vitest';

/** One job server of ours for all tests of a file, which must leave nothing open. */
export class OneServer {
  #server: TestServer | undefined;

  constructor() {
    let leaks: ReturnType<typeof watchLeaks> | undefined;
    beforeAll(async () => {
      leaks = watchLeaks();
      this.#server = await startOurServer();
    });
    afterAll(async () => {
      await this.#server?.stop();
      await leaks?.check();
    });
  }

  /** As `host:port`. */
  get server(): string {
    return this.#running.server;
  }

  get port(): number {
    return this.#running.port;
  }

  client(): Client {
    return createClient({ servers: this.server });
  }

  admin(): Admin {
    return createAdmin({ servers: this.server });
  }

  /** A worker of these functions; resolves when the server knows them. */
  async work(functions: Readonly<Record<string, Handler>>, settings: WorkerSettings = {}): Promise<Worker> {
    const worker = createWorker({ servers: this.server, ...settings });
    await worker.setFunctions(functions);
    await worker.start();
    await worker.pool.echo();
    return worker;
  }

  get #running(): TestServer {
    if (this.#server === undefined) throw new Error('the server has not been started yet');
    return this.#server;
  }
}

export const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

/** A promise and what resolves it. */
export function gate<T = void>(): { readonly opened: Promise<T>; readonly open: (value: T) => void } {
  let open: (value: T) => void = () => {};
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** The types of all events, once there are no more. */
export async function typesOf(events: AsyncIterable<{ readonly type: string }>): Promise<string[]> {
  const types: string[] = [];
  for await (const { type } of events) types.push(type);
  return types;
}

/** The code of the error that something rejects with; undefined when it does not. */
export async function codeOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return undefined;
}
