import { response } from '@gearman/protocol';
import {
  type FakeServer,
  fakeServer,
  freePort,
  jobServer,
  type LeakWatch,
  rude,
  watchLeaks,
} from '@gearman/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Client, createClient } from '../../src/index.ts';

let leaks: LeakWatch;
beforeEach(() => {
  leaks = watchLeaks();
});
afterEach(() => leaks.check());

const CLOSED = 'ERR_GEARMAN_CLOSED';
const LOST = 'ERR_GEARMAN_CONNECTION_LOST';
const UNKNOWN = 'ERR_GEARMAN_SUBMIT_UNKNOWN';

/** The code of what a promise rejects with. */
async function codeOf(promise: PromiseLike<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return (error as { readonly code?: string }).code;
  }
}

const connect = (port: number): Client =>
  createClient({ servers: `127.0.0.1:${port}`, reconnect: { type: 'fixed', minMs: 2 } });

/** One foreground job, one that nobody awaits, and one background job; and what the first and the last end with. */
function submitThree(client: Client) {
  client.submit('f', 'nobody waits for it');
  return [codeOf(client.submit('f')), codeOf(client.submitBackground('f'))] as const;
}

const connectionOf = (server: FakeServer) => server.until(() => server.peers.size > 0);
const submitsAt = (server: FakeServer, count: number) =>
  server.until(() => server.received.filter(({ type }) => type.startsWith('SUBMIT_JOB')).length >= count);

/** Where a client and its jobs can be; each brings a client there. The server of the last is gone. */
const STATES = {
  'no server has ever been there': async () => {
    const client = connect(await freePort());
    const codes = submitThree(client);
    await new Promise((resolve) => client.once('connection-error', resolve));
    return { client, codes, server: undefined };
  },
  'it has not connected yet': async () => {
    const server = await fakeServer(jobServer());
    const client = connect(server.port);
    return { client, codes: submitThree(client), server };
  },
  'its jobs are sent and not acknowledged': async () => {
    const server = await fakeServer();
    const client = connect(server.port);
    const codes = submitThree(client);
    await connectionOf(server);
    await submitsAt(server, 3);
    return { client, codes, server };
  },
  'its jobs are in the queue': async () => {
    const server = await fakeServer(jobServer());
    const client = connect(server.port);
    const codes = submitThree(client);
    expect(await codes[1]).toBeUndefined();
    return { client, codes, server };
  },
  'data comes': async () => {
    const server = await fakeServer(jobServer());
    server.insteadOfNext('JOB_CREATED', (peer, packet) => {
      rude.after()(peer, packet);
      peer.send(response('WORK_DATA', { handle: packet.handle, data: Buffer.from('a') }));
    });
    const client = connect(server.port);
    const job = client.submit('f');
    const codes = [codeOf(job), codeOf(client.submitBackground('f'))] as const;
    for await (const _ of job) break;
    await codes[1];
    return { client, codes, server };
  },
  'the server has gone and the jobs wait for it': async () => {
    const server = await fakeServer(jobServer());
    const client = connect(server.port);
    await client.submitBackground('f');
    const gone = new Promise((resolve) => client.once('disconnect', resolve));
    await server.stop();
    await gone;
    return { client, codes: submitThree(client), server: undefined };
  },
} as const;
type State = keyof typeof STATES;

/** What the foreground job and the background job end with. */
type Ends = readonly [foreground: string | undefined, background: string | undefined];

describe('Client, closed while', () => {
  test.each<[State, Ends]>([
    ['no server has ever been there', [CLOSED, CLOSED]],
    ['it has not connected yet', [CLOSED, CLOSED]],
    ['its jobs are sent and not acknowledged', [CLOSED, UNKNOWN]],
    ['its jobs are in the queue', [CLOSED, undefined]],
    ['data comes', [CLOSED, undefined]],
    ['the server has gone and the jobs wait for it', [CLOSED, CLOSED]],
  ])('%s: each job ends with what is known of it', async (state, ends) => {
    const { client, codes, server } = await STATES[state]();
    await client.close({ timeoutMs: 20 });
    expect(await Promise.all(codes)).toEqual(ends);
    expect(client.pending).toBe(0);
    expect(await codeOf(client.submit('f'))).toBe(CLOSED);
    await server?.stop();
  });
});

describe('Client, whose server is killed while', () => {
  test.each<[State, Ends]>([
    ['its jobs are sent and not acknowledged', [UNKNOWN, UNKNOWN]],
    ['its jobs are in the queue', [LOST, undefined]],
    ['data comes', [LOST, undefined]],
  ])(
    '%s: each job ends with what is known of it, and the next one reaches the next server',
    async (state, ends) => {
      const { client, codes, server } = await STATES[state]();
      if (server === undefined) throw new Error('this state has no server');
      await server.kill();
      expect(await Promise.all(codes)).toEqual(ends);
      await using next = await fakeServer(jobServer(), { port: server.port });
      expect((await client.submitBackground('f')).server).toBe(next.server);
      await client.close();
    },
  );
});
