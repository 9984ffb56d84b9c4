import { connect, type Socket } from 'node:net';
import { encodeText, request, response } from '@gearman/protocol';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  type FakeServer,
  fakeServer,
  jobServer,
  type LeakWatch,
  RawConnection,
  type Rudeness,
  rude,
  startRawWorker,
  watchLeaks,
} from '../../src/index.ts';

let leaks: LeakWatch;
beforeEach(() => {
  leaks = watchLeaks();
});
afterEach(() => leaks.check());

const ECHO = request('ECHO_REQ', { data: Buffer.from('hi') });
const ECHO_BYTES = Buffer.from('\0REQ\0\0\0\x10\0\0\0\x02hi', 'latin1');
const SUBMIT = request('SUBMIT_JOB', {
  functionName: 'f',
  uniqueId: '',
  workload: new Uint8Array(0),
});

/** A connection of which the test wants to see the bytes; `all` resolves when the other side has ended it. */
function open({ port }: FakeServer): { readonly socket: Socket; readonly all: Promise<string> } {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const chunks: Buffer[] = [];
  const all = new Promise<string>((resolve) => {
    const ended = (how: string) => () => resolve(Buffer.concat(chunks).toString('latin1') + how);
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', ended('|end'));
    socket.on('error', ended('|reset'));
  });
  onTestFinished(() => {
    socket.destroy();
  });
  return { socket, all };
}

describe('fakeServer', () => {
  test('plays a script step by step', async () => {
    await using server = await fakeServer();
    await using client = await RawConnection.open(server.port);
    const peer = await server.peer();
    client.send(ECHO);
    const { data } = await peer.expect('ECHO_REQ');
    expect(Buffer.from(data)).toEqual(Buffer.from('hi'));
    client.sendBytes(Buffer.from('status\n'));
    expect(await peer.next()).toEqual({ type: 'TEXT', line: 'status' });
    peer.send(response('NOOP', {}));
    await client.expect('NOOP');
    client.send(SUBMIT);
    await expect(peer.expect('ECHO_REQ')).rejects.toThrow(/^expected ECHO_REQ, got .*SUBMIT_JOB/);
    await client.close();
    await expect(peer.next()).rejects.toThrow('the connection ended before a message came');
    expect(server.received.map(({ type }) => type)).toEqual(['ECHO_REQ', 'TEXT', 'SUBMIT_JOB']);
    expect([server.accepted, server.peers.size]).toEqual([1, 0]);
  });

  test('tells a script of connections, of messages and of their beginnings', async () => {
    const story: unknown[] = [];
    await using server = await fakeServer({
      onConnect: () => story.push('connect'),
      onPartial: (_, bufferedBytes) => story.push(bufferedBytes),
      onMessage: (_, { type }) => story.push(type),
      onClose: () => story.push('close'),
    });
    const client = await RawConnection.open(server.port);
    client.sendBytes(Buffer.from('\0REQ\0\0\0\x10\0\0\0\x02h', 'latin1'));
    await server.until(() => story.length === 2);
    client.sendBytes(Buffer.from('i'));
    await server.until(() => story.length === 3);
    await client.close();
    await server.until(() => server.peers.size === 0);
    expect(story).toEqual(['connect', expect.any(Number), 'ECHO_REQ', 'close']);
  });

  test('stops as a crash would, and as often as it likes', async () => {
    const server = await fakeServer();
    const { all } = open(server);
    await server.peer();
    await Promise.all([server.stop(), server.kill()]);
    expect(await all).toBe('|reset');
    await expect(RawConnection.open(1)).rejects.toThrow('ECONNREFUSED');
  });
});

const ANSWER = '\0RES\0\0\0\x08\0\0\0\x08H:fake:1';
const NOOP = '\0RES\0\0\0\x06\0\0\0\0';

describe('fakeServer, when it is rude', () => {
  test.each<[string, Rudeness, string]>([
    ['closeAt', rude.closeAt(5), `${ANSWER.slice(0, 5)}|end`],
    ['closeAt 0', rude.closeAt(0), '|end'],
    ['resetAt 0', rude.resetAt(0), '|reset'],
    ['twice', rude.twice(), `${ANSWER}${ANSWER}`],
    ['dribble', rude.dribble(), ANSWER],
    ['late', rude.late(Promise.resolve()), ANSWER],
    ['garbage', rude.garbage('what?'), 'what?'],
    ['after', rude.after(response('NOOP', {})), `${NOOP}${ANSWER}`],
    ['instead', rude.instead(response('NOOP', {})), NOOP],
    ['otherHandle', rude.otherHandle('H:none:9'), ANSWER.replace('fake:1', 'none:9')],
    ['error', rude.error('E', 'x'), '\0RES\0\0\0\x13\0\0\0\x03E\0x'],
    ['oversize', rude.oversize(0x01020304), ANSWER.replace('\0\0\0\x08H', '\x01\x02\x03\x04H')],
  ])('%s: that is what arrives, once', async (_, rudeness, arrives) => {
    await using server = await fakeServer(jobServer());
    server.insteadOfNext('JOB_CREATED', rudeness);
    const { socket, all } = open(server);
    socket.write(Buffer.from('\0REQ\0\0\0\x07\0\0\0\x03f\0\0', 'latin1'));
    if (!arrives.includes('|')) {
      await new Promise<void>((resolve) => {
        let seen = 0;
        socket.on('data', ({ length }) => {
          seen += length;
          if (seen === arrives.length) resolve();
        });
      });
      socket.write(Buffer.from('\0REQ\0\0\0\x07\0\0\0\x03f\0\0', 'latin1'));
      await server.until(() => server.received.length === 2);
      for (const peer of server.peers) peer.end();
    }
    const next = arrives.includes('|') ? '' : `${ANSWER.replace('fake:1', 'fake:2')}|end`;
    expect(await all).toBe(arrives + next);
  });

  test('silent: the request is read, and nothing is answered', async () => {
    await using server = await fakeServer(jobServer());
    server.onNext('ECHO_REQ', rude.silent());
    await using client = await RawConnection.open(server.port);
    client.send(ECHO, SUBMIT);
    await client.expect('JOB_CREATED');
    expect(server.received.length).toBe(2);
  });

  test('halfOpen: nothing more is read or sent, and the connection stays', async () => {
    await using server = await fakeServer(jobServer());
    server.onNext('ECHO_REQ', rude.halfOpen());
    const { socket, all } = open(server);
    socket.write(ECHO_BYTES);
    await server.until(() => server.received.length === 1);
    socket.end(ECHO_BYTES);
    const peer = await server.peer();
    peer.send(response('NOOP', {}));
    await using other = await RawConnection.open(server.port);
    other.send(ECHO);
    await other.expect('ECHO_RES');
    expect([server.received.length, server.peers.size]).toEqual([2, 2]);
    peer.reset();
    expect(await all).toBe('|reset');
  });

  test('reads no more, until the test wants it', async () => {
    await using server = await fakeServer(jobServer());
    server.onNext('ECHO_REQ', (peer) => peer.stopReading());
    await using client = await RawConnection.open(server.port);
    client.send(ECHO);
    await server.until(() => server.received.length === 1);
    client.send(SUBMIT);
    // Another connection is served meanwhile.
    await using other = await RawConnection.open(server.port);
    other.send(ECHO);
    await other.expect('ECHO_RES');
    expect(server.received.length).toBe(2);
    (await server.peer()).resumeReading();
    await client.expect('JOB_CREATED');
  });
});

describe('jobServer', () => {
  test('runs a job', async () => {
    await using server = await fakeServer(jobServer());
    await using _worker = await startRawWorker(server.port, {
      upper: (job) => job.complete(job.text.toUpperCase()),
    });
    await using client = await RawConnection.open(server.port);
    client.send(request('SUBMIT_JOB', { functionName: 'upper', uniqueId: '', workload: Buffer.from('abc') }));
    const { handle } = await client.expect('JOB_CREATED');
    const complete = await client.expect('WORK_COMPLETE');
    expect([complete.handle, Buffer.from(complete.data).toString()]).toEqual([handle, 'ABC']);
  });

  test('gives a job of a worker that vanished to the next one', async () => {
    await using server = await fakeServer(jobServer());
    await using client = await RawConnection.open(server.port);
    client.send(SUBMIT);
    await client.expect('JOB_CREATED');
    const taken = await new Promise<{ readonly handle: string }>((resolve) => {
      void startRawWorker(server.port, {
        f: (job) => {
          resolve(job);
          for (const peer of [...server.peers].slice(1)) peer.reset();
        },
      });
    });
    await server.until(() => server.peers.size === 1);
    await using _worker = await startRawWorker(server.port, { f: (job) => job.complete(job.handle) });
    expect(encodeText(String(Buffer.from((await client.expect('WORK_COMPLETE')).data)))).toBe(taken.handle);
  });

  test('refuses what it does not know, and goes on', async () => {
    await using server = await fakeServer(jobServer());
    await using client = await RawConnection.open(server.port);
    client.send(request('OPTION_REQ', { option: 'none' }), request('CAN_DO', { functionName: 'f' }));
    expect(await client.expect('ERROR')).toMatchObject({ code: 'UNKNOWN_OPTION' });
    client.send(
      request('SUBMIT_JOB_EPOCH', { functionName: 'f', uniqueId: '', epoch: '1', workload: Buffer.alloc(0) }),
    );
    expect(await client.expect('ERROR')).toMatchObject({ code: 'INVALID_COMMAND' });
    client.send(ECHO);
    await client.expect('ECHO_RES');
  });
});
