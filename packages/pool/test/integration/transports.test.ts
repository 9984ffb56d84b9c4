import { connect, type LookupFunction } from 'node:net';
import { Duplex, duplexPair } from 'node:stream';
import { encodePacket, request, response, StreamParser } from '@gearman/protocol';
import { fakeServer, freePort, type LeakWatch, type OnMessage, watchLeaks } from '@gearman/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPool, createSocketDial } from '../../src/index.ts';

const echo: OnMessage = (peer, message) => {
  if (message.type === 'ECHO_REQ') peer.send(response('ECHO_RES', { data: message.data }));
};
const DATA = Buffer.from('hello');

/** A resolver that knows one host, whose addresses may change. */
function createResolver(...addresses: string[]) {
  const asked: string[] = [];
  const resolver = { asked, addresses };
  const lookup: LookupFunction = (hostname, options, callback) => {
    asked.push(hostname);
    const all = resolver.addresses.map((address) => ({ address, family: 4 }));
    const [first = { address: '', family: 4 }] = all;
    queueMicrotask(() => {
      if (options.all === true) callback(null, all);
      else callback(null, first.address, first.family);
    });
  };
  const move = (...to: string[]): void => {
    resolver.addresses = to;
  };
  return { asked, lookup, move };
}

let leaks: LeakWatch;
beforeEach(() => {
  leaks = watchLeaks();
});
afterEach(() => leaks.check());

describe('Host names', () => {
  test('are looked up anew for each attempt, so a server may move', async () => {
    const port = await freePort();
    const resolver = createResolver('127.0.0.1');
    await using old = await fakeServer(echo, { host: '127.0.0.1', port });
    await using pool = createPool({
      servers: `jobs.example:${port}`,
      dial: createSocketDial({ lookup: resolver.lookup }),
    });
    expect((await pool.echo(DATA)).server).toBe(`jobs.example:${port}`);
    await using moved = await fakeServer(echo, { host: '127.0.0.2', port });
    resolver.move('127.0.0.2');
    const lost = new Promise((resolve) => pool.once('disconnect', resolve));
    await old.stop();
    await lost;
    await pool.echo(DATA);
    expect(moved.accepted).toBe(1);
    expect(resolver.asked.length).toBeGreaterThanOrEqual(2);
  });

  test('with several addresses are reached at any of them', async () => {
    const port = await freePort();
    const { lookup } = createResolver('127.0.0.3', '127.0.0.2');
    await using server = await fakeServer(echo, { host: '127.0.0.2', port });
    await using pool = createPool({ servers: `jobs.example:${port}`, dial: createSocketDial({ lookup }) });
    await pool.echo(DATA);
    expect(server.accepted).toBe(1);
  });
});

describe('Own streams', () => {
  test('may be sockets that somebody else opens', async () => {
    await using server = await fakeServer(echo);
    await using pool = createPool({
      servers: () => connect({ host: '127.0.0.1', port: server.port }),
    });
    expect(await pool.echo(DATA)).toMatchObject({ server: 'stream-1', data: DATA });
    const lost = new Promise((resolve) => pool.once('disconnect', resolve));
    for (const peer of server.peers) peer.socket.destroy();
    await lost;
    await pool.echo(DATA);
    expect(server.accepted).toBe(2);
  });

  test('need no network at all', async () => {
    const [ours, theirs] = duplexPair();
    const parser = new StreamParser();
    theirs.once('end', () => theirs.end());
    theirs.on('data', (chunk: Buffer) => {
      for (const message of parser.push(chunk)) {
        if (message.type !== 'ECHO_REQ') continue;
        for (const piece of encodePacket(response('ECHO_RES', { data: message.data }))) theirs.write(piece);
      }
    });
    await using pool = createPool({ servers: { name: 'pair', open: () => ours } });
    const connection = await pool.acquire();
    expect(connection.server).toBe('pair');
    const answers = Array.from({ length: 100 }, () => connection.ask(request('ECHO_REQ', { data: DATA })));
    expect((await Promise.all(answers)).length).toBe(100);
  });

  test('that cannot be opened, or fail later, are failures like any other', async () => {
    const broken = new Duplex({ read: () => {}, write: (_, __, done) => done(new Error('pipe burst')) });
    const streams = [
      () => {
        throw new Error('no tunnel');
      },
      () => broken,
    ];
    await using pool = createPool({
      servers: () => streams.shift()?.() ?? broken,
      reconnect: { maxAttempts: 2 },
    });
    const failed = new Promise<Error>((resolve) =>
      pool.once('connection-error', ({ error }) => resolve(error)),
    );
    expect((await failed).message).toBe('stream-1: no tunnel');
    await expect(pool.echo()).rejects.toMatchObject({
      code: 'ERR_GEARMAN_CONNECTION_LOST',
      reason: 'pipe burst',
    });
  });
});

describe('The list of servers, under load', () => {
  test('changes while requests travel: each is answered, none is lost', async () => {
    const servers = await Promise.all([1, 2, 3].map(() => fakeServer(echo)));
    try {
      const [first, second, third] = servers.map(({ server }) => server);
      if (first === undefined || second === undefined || third === undefined)
        throw new Error('three started');
      await using pool = createPool({ servers: first });
      await pool.ready();
      let asked = 0;
      let running = true;
      const load = Array.from({ length: 8 }, async () => {
        while (running) {
          const connection = await pool.acquire();
          const data = Buffer.from(`${asked++}`);
          expect((await connection.ask(request('ECHO_REQ', { data }))).data.toString()).toBe(data.toString());
        }
      });
      const lists = [[first, second], [second], [second, third], [third, first], [first]];
      for (const list of [...lists, ...lists, ...lists]) {
        const goal = asked + 50;
        await pool.setServers(list);
        await pool.ready({ atLeast: 'all' });
        while (asked < goal) await pool.echo();
      }
      running = false;
      await Promise.all(load);
      expect(asked).toBeGreaterThan(750);
      expect(pool.servers.map(({ server }) => server)).toEqual([first]);
      for (const { peers } of servers.slice(1)) expect(peers.size).toBe(0);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
});
