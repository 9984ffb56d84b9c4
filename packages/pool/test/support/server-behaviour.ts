import { request } from '@gearman/protocol';
import { type LeakWatch, type TestServer, watchLeaks } from '@gearman/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPool } from '../../src/index.ts';

/** What a pool does with a real job server, whichever. */
export function describePool(
  name: string,
  start: (port?: number) => Promise<TestServer>,
  { streaming }: { readonly streaming: boolean },
): void {
  describe(`Pool, with ${name}`, () => {
    let leaks: LeakWatch;
    beforeEach(() => {
      leaks = watchLeaks();
    });
    afterEach(() => leaks.check());

    test('sees bytes come back, and knows the way is open by its own heartbeats', async () => {
      await using server = await start();
      await using pool = createPool({
        servers: server.server,
        heartbeat: { idleMs: 5, timeoutMs: 2000 },
        dump: 'packets',
      });
      const beats = new Promise<void>((resolve) => {
        let heard = 0;
        pool.on('read', ({ message }) => {
          if (message?.type === 'ECHO_RES' && ++heard === 3) resolve();
        });
      });
      await pool.ready();
      await beats;
      expect((await pool.echo(Buffer.from('hello'))).data).toEqual(Buffer.from('hello'));
      expect(pool.connections[0]?.epoch).toBe(1);
    });

    test('keeps up a connection that a large packet keeps busy', async () => {
      await using server = await start();
      await using pool = createPool({
        servers: server.server,
        heartbeat: { idleMs: 2, timeoutMs: 200 },
        maxPacketBytes: 2 ** 27,
      });
      const connection = await pool.acquire();
      const data = new Uint8Array(24 * 2 ** 20).fill(7);
      const reply = await connection.ask(request('ECHO_REQ', { data }), 20_000);
      expect(reply.data.length).toBe(data.length);
      expect(connection.epoch).toBe(1);
    });

    test('tells limits of queues again after a restart', async () => {
      await using server = await start();
      await using pool = createPool({ servers: server.server, reconnect: { type: 'fixed', minMs: 5 } });
      pool.setMaxQueue('limited', 1);
      const submit = async (): Promise<string> => {
        const connection = await pool.acquire();
        const job = { functionName: 'limited', uniqueId: '', workload: new Uint8Array(1) };
        const jobs = [1, 2, 3].map((id) =>
          connection
            .ask(request('SUBMIT_JOB_BG', { ...job, uniqueId: `${id}` }))
            .then(({ type }) => type)
            .catch(() => 'refused'),
        );
        return (await Promise.all(jobs)).join(' ');
      };
      expect(await submit()).toBe('JOB_CREATED refused refused');
      const lost = new Promise((resolve) => pool.once('disconnect', resolve));
      await server.stop();
      await lost;
      await using again = await start(server.port);
      expect(await submit()).toBe('JOB_CREATED refused refused');
      expect(again.port).toBe(server.port);
    });

    test(`${streaming ? 'gets' : 'is refused'} the streaming mode that it requires`, async () => {
      await using server = await start();
      await using pool = createPool({
        servers: server.server,
        options: ['exceptions', { name: 'streaming', required: true }],
        connectAttempts: { fast: 1, slow: 0 },
      });
      const outcome = await pool.acquire().then(
        () => 'ready',
        () => pool.servers[0]?.lastError?.code,
      );
      expect(outcome).toBe(streaming ? 'ready' : 'ERR_GEARMAN_NO_STREAMING');
    });

    test('adds and removes servers that are really there', async () => {
      await using one = await start();
      await using two = await start();
      await using pool = createPool({ servers: one.server });
      pool.addServer(two.server);
      await pool.ready({ atLeast: 'all' });
      await pool.removeServer(one.server);
      expect((await pool.echo()).server).toBe(two.server);
      expect(pool.servers.length).toBe(1);
    });
  });
}
