import { type RawHandler, startRawWorker, type TestServer, watchLeaks } from '@gearman/testing';
import { test as base, expect } from 'vitest';
import { type Client, type ClientOptions, createClient } from '../../src/index.ts';

/** Starts the server that the behaviour is looked at with; on the given port if there is one. */
export type StartServer = (port?: number) => Promise<TestServer>;

interface Fixtures {
  /** Calls back after the test, last come first served; then nothing may be open. */
  readonly after: (cleanUp: () => Promise<void>) => void;
  readonly server: TestServer;
  readonly client: Client;
  /** Another client of the same server. */
  readonly connect: (options?: ClientOptions) => Client;
  /** Starts a worker of the same server; resolves when the server knows its functions. */
  readonly work: (functions: Readonly<Record<string, RawHandler>>) => Promise<void>;
}

/** Tests that get a server of their own, and fail when they leave something open. */
export function behaviourTest(start: StartServer) {
  return base.extend<Fixtures>({
    after: async ({ task }, use) => {
      const leaks = watchLeaks();
      const cleanUps: (() => Promise<void>)[] = [];
      await use((cleanUp) => cleanUps.unshift(cleanUp));
      for (const cleanUp of cleanUps) await cleanUp();
      await expect(leaks.check(), task.name).resolves.toBeUndefined();
    },
    server: async ({ after }, use) => {
      const server = await start();
      after(() => server.stop());
      await use(server);
    },
    connect: async ({ server, after }, use) => {
      await use((options = {}) => {
        const client = createClient({ servers: server.server, ...options });
        after(() => client.close());
        return client;
      });
    },
    client: async ({ connect }, use) => {
      await use(connect());
    },
    work: async ({ server, after }, use) => {
      await use(async (functions) => {
        const worker = await startRawWorker(server.port, functions);
        after(() => worker.stop());
      });
    },
  });
}
