import { createPool } from '@gearman/pool';
import { response } from '@gearman/protocol';
import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { type Client, createClient } from '../../src/index.ts';
import { errorOf } from '../support/fake-job.ts';
import { FakeNetwork, type FakeServer, turn } from '../support/fake-network.ts';

const handle = 'H:1';
const data = (text: string) => response('WORK_DATA', { handle, data: Buffer.from(text) });
const complete = (text: string) => response('WORK_COMPLETE', { handle, data: Buffer.from(text) });

interface Shared {
  readonly clients: readonly [Client, Client];
  readonly server: FakeServer;
  readonly network: FakeNetwork;
  readonly clock: FakeClock;
}

async function twoClients(): Promise<Shared> {
  const clock = new FakeClock();
  const network = new FakeNetwork();
  const pool = createPool({ servers: 'a:1', clock, dial: network.dial, random: () => 0.5 });
  const clients = [createClient({ pool }), createClient({ pool })] as const;
  const server = network.last.accept();
  await turn();
  return { clients, server, network, clock };
}

describe('Two clients of one pool', () => {
  test('each hear everything once about a job that the server merged', async () => {
    const { clients, server } = await twoClients();
    const jobs = clients.map((client) => client.submit('f', '', { uniqueId: 'u' }));
    await turn();
    server.create(handle, handle);
    // One copy for each submit of the connection.
    server.send(data('a'), data('a'), data('a'), data('a'), complete('b'), complete('b'));
    for (const job of jobs) expect(await job.text()).toBe('aab');
  });

  test('each hear what comes after the other was closed', async () => {
    const { clients, server } = await twoClients();
    const [left, right] = clients.map((client) => client.submit('f', '', { uniqueId: 'u' }));
    await turn();
    server.create(handle, handle);
    await clients[0].close();
    await expect(left).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    server.send(data('a'), data('a'), data('a'), data('a'), complete('b'), complete('b'));
    expect(await right?.text()).toBe('aab');
  });

  test('each lose their jobs with the connection, and go on with the next', async () => {
    const { clients, server, network, clock } = await twoClients();
    const jobs = clients.map((client) => client.submit('f'));
    await turn();
    server.create('H:1', 'H:2');
    server.close('ECONNRESET');
    for (const job of jobs) await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_CONNECTION_LOST' });
    clock.advance(10);
    const next = network.last.accept();
    await turn();
    const again = clients.map((client) => client.submit('f'));
    await turn();
    next.create('H:1', 'H:2');
    next.complete('H:1', 'one');
    next.complete('H:2', 'two');
    expect(await Promise.all(again.map((job) => job.text()))).toEqual(['one', 'two']);
  });

  test('a pool that is closed before its clients ends the jobs of each, once', async () => {
    const { clients } = await twoClients();
    const jobs = clients.map((client) => client.submit('f'));
    await turn();
    await clients[0].pool.close();
    for (const job of jobs) await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    for (const client of clients) await client.close();
    expect(clients.map(({ pending }) => pending)).toEqual([0, 0]);
  });

  test('a background job that one waited for long enough is not sent again when that closes', async () => {
    const { clients, server, clock } = await twoClients();
    const error = errorOf(clients[0].submitBackground('f', '', { uniqueId: 'u', createdTimeoutMs: 60_000 }));
    await turn();
    const closed = clients[0].close({ timeoutMs: 50 });
    await turn();
    clock.advance(50);
    expect(await error).toMatchObject({ code: 'ERR_GEARMAN_SUBMIT_UNKNOWN' });
    await closed;
    expect(server.take('SUBMIT_JOB_BG')).toHaveLength(1);
  });

  test('a third one that comes when both are closed starts afresh', async () => {
    const { clients, server } = await twoClients();
    const job = clients[0].submit('f');
    await turn();
    server.create(handle);
    const { pool } = clients[0];
    for (const client of clients) await client.close();
    await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    const third = createClient({ pool }).submit('f');
    await turn();
    server.create('H:2');
    server.complete('H:2', 'x');
    expect(await third.text()).toBe('x');
    await pool.close();
  });
});
