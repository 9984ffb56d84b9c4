import { encodePacket } from '@gearman/protocol';
import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { readMessage } from '../support/read-message.ts';
import {
  canDo,
  echo,
  grab,
  handleIn,
  header,
  preSleep,
  submit,
  submitBackground,
  workComplete,
} from '../support/requests.ts';
import { startServer } from '../support/start-server.ts';

const read = (messages: readonly string[]): string[] => messages.map(readMessage);
const INVALID_COMMAND = 'ERROR INVALID_COMMAND|Command not expected';

describe('what a peer must not send', () => {
  test.each([
    ['a bad magic', Buffer.from('\0BAD'), []],
    ['type 0', header(0, 0), [INVALID_COMMAND]],
    ['type 43', header(43, 0), [INVALID_COMMAND]],
    [
      'a packet of an extension that was not agreed on',
      Buffer.concat([header(1000, 7), Buffer.from('f\0\0{}\0w')]),
      [INVALID_COMMAND],
    ],
    ['a type with the top bit set', header(0x80000007, 0), [INVALID_COMMAND]],
    ['the largest type', header(0xffffffff, 0xffffffff), [INVALID_COMMAND]],
    ['six words', Buffer.from('a b c d e f\n'), []],
    ['a line without end', Buffer.alloc(10_000, 'x'), []],
    ['a TLS greeting', Buffer.from(`160301${'41'.repeat(9000)}`, 'hex'), []],
  ])('%s closes its connection and no other', async (_, bytes, answer) => {
    const running = await startServer();
    const [bad, good] = [await running.connect(), await running.connect()];
    bad.sendBytes(bytes);
    await bad.closed;
    expect(read(await bad.arrived())).toEqual(answer);
    expect(read(await good.ask(echo('here')))).toEqual(['ECHO_RES here']);
  });

  test.each([
    ['the unused type 5', header(5, 0), INVALID_COMMAND],
    ['a response type', header(8, 1), INVALID_COMMAND],
    ['a response magic', header(16, 0, '\0RES'), 'ERROR INVALID_MAGIC|Request magic expected'],
    [
      'a submit without separators',
      Buffer.concat([header(7, 3), Buffer.from('abc')]),
      'ERROR INVALID_PACKET|SUBMIT_JOB: argument \\"functionName\\" has no NUL behind it',
    ],
    [
      'an epoch past 64 bits',
      Buffer.concat([header(36, 25), Buffer.from('f\0\x0099999999999999999999\0x')]),
      'ERROR INVALID_ARGUMENT|The time of the job does not fit in 64 bits',
    ],
    [
      'a timeout past 64 bits',
      Buffer.concat([header(23, 24), Buffer.from(`f\0${'9'.repeat(22)}`)]),
      undefined,
    ],
  ])('%s costs nothing but that packet', async (_, bytes, answer) => {
    const running = await startServer();
    const peer = await running.connect();
    // The response type has a body of one byte.
    peer.sendBytes(bytes.readUInt32BE(8) === 1 ? Buffer.concat([bytes, Buffer.from('x')]) : bytes);
    expect(read(await peer.ask(echo('still here')))).toEqual([
      ...(answer === undefined ? [] : [answer]),
      'ECHO_RES still here',
    ]);
  });

  test('a packet that is too large is refused at its header and skipped byte for byte', async () => {
    const running = await startServer({ limits: { maxPacketBytes: 1000 } });
    const peer = await running.connect();
    expect(read(await peer.ask(submit('f', 'x'.repeat(2000)), echo('after')))).toEqual([
      'ERROR ARGUMENT_TOO_LARGE|The packet has 2003 bytes, at most 1000 are accepted',
      'ECHO_RES after',
    ]);
  });

  test('a result that is too large costs the worker its connection, so that its job is run again', async () => {
    const running = await startServer({ limits: { maxPacketBytes: 1000 } });
    const [client, worker] = [await running.connect(), await running.connect()];
    await client.ask(submitBackground('f'));
    const [assigned] = await worker.ask(canDo('f'), grab());
    worker.send(workComplete(handleIn(assigned), 'x'.repeat(2000)));
    await worker.closed;
    const second = await running.connect();
    expect(await second.ask(canDo('f'), grab())).toEqual([assigned]);
  });

  test('a packet may come byte by byte', async () => {
    const running = await startServer();
    const peer = await running.connect();
    const bytes = Buffer.concat(encodePacket(submitBackground('f', 'payload', 'u')));
    for (const byte of bytes) peer.sendBytes(Uint8Array.of(byte));
    expect(read(await peer.arrived())[0]).toMatch(/^JOB_CREATED H:/);
    const [assigned] = await peer.ask(canDo('f'), grab());
    expect(assigned?.slice(12).split('\0').slice(1)).toEqual(['f', 'payload']);
  });

  test('names that would break a line are escaped in listings', async () => {
    const running = await startServer();
    const peer = await running.connect();
    await peer.ask(canDo('a\tb\nc'), canDo('App\\Job x'), canDo('\\x41'));
    expect((await peer.askText('status\n')).split('\n')).toEqual([
      'a\\x09b\\x0ac\t0\t0\t1',
      'App\\Job x\t0\t0\t1',
      '\\x5cx41\t0\t0\t1',
      '.',
      '',
    ]);
    expect(await peer.askText('workers\n')).toBe(
      '1 127.0.0.1 - : \\x5cx41 App\\Job\\x20x a\\x09b\\x0ac\n.\n',
    );
    await peer.ask(submitBackground('f', 'x', '.'));
    expect(await peer.askText('show unique jobs\n')).toBe('\\x2e\n.\n');
  });
});

describe('what a peer must not take for itself', () => {
  test('time: a message has to come within 30 seconds, an idle connection may stay', async () => {
    const clock = new FakeClock();
    const running = await startServer({ clock });
    const [slow, halfLine, idle] = [
      await running.connect(),
      await running.connect(),
      await running.connect(),
    ];
    slow.sendBytes(Buffer.from('\0REQ'));
    halfLine.sendText('stat');
    await expect.poll(() => running.server.stats.connections).toBe(3);
    // A round trip on a third connection does not prove that the others have been read, so look until they are.
    await expect.poll(() => clock.timerCount).toBe(1);
    await idle.arrived();
    const gone: string[] = [];
    running.server.on('peer-error', ({ message }) => gone.push(message));
    await expect
      .poll(() => {
        clock.advance(31_000);
        return gone.length;
      })
      .toBe(2);
    await Promise.all([slow.closed, halfLine.closed]);
    expect(new Set(gone)).toEqual(new Set(['sent an unfinished message and no more of it for 30000 ms']));
    expect(await idle.ask(echo('idle'))).toHaveLength(1);
  });

  test('turns: a peer that sends very much at once does not keep others waiting', async () => {
    const running = await startServer();
    const [busy, other] = [await running.connect(), await running.connect()];
    await Promise.all([busy.arrived(), other.arrived()]);
    const order: string[] = [];
    for (let i = 0; i < 20_000; i++) busy.sendText(`drop function f${i}\r\n`);
    const done = busy.arrived().then((answers) => {
      order.push('busy');
      return answers;
    });
    await other.ask(echo('other'));
    order.push('other');
    expect((await done).join('').split('\r\n')).toHaveLength(20_001);
    expect(order).toEqual(['other', 'busy']);
  });

  test('turns: a peer whose few packets cost very much keeps only itself waiting', async () => {
    const running = await startServer();
    const [busy, other] = [await running.connect(), await running.connect()];
    await busy.ask(...Array.from({ length: 4000 }, (_, i) => canDo(`f${i}`)));
    await other.arrived();
    const order: string[] = [];
    // Each one concerns all of its functions.
    const naps = Array.from({ length: 200 }, () => [preSleep(), grab()]).flat();
    busy.sendBytes(Buffer.concat(naps.flatMap(encodePacket)));
    const done = busy.arrived().then((answers) => {
      order.push('busy');
      return answers;
    });
    await other.ask(echo('other'));
    order.push('other');
    expect(await done).toHaveLength(200);
    expect(order).toEqual(['other', 'busy']);
  });

  test('connections: past the limit new ones are closed at once', async () => {
    const running = await startServer({ limits: { maxConnections: 2 } });
    const peers = [await running.connect(), await running.connect()];
    await Promise.all(peers.map((peer) => peer.arrived()));
    const third = await running.connect();
    await third.closed;
    expect(running.server.stats.connections).toBe(2);
  });

  test('functions: past the limit CAN_DO is answered with ERROR', async () => {
    const running = await startServer({ limits: { maxFunctionsPerConnection: 1 } });
    const peer = await running.connect();
    expect(read(await peer.ask(canDo('a'), canDo('b')))).toEqual([
      'ERROR TOO_MANY_FUNCTIONS|No more functions are accepted',
    ]);
  });

  test('queue memory: past the limit submits are refused until jobs have ended', async () => {
    const running = await startServer({ limits: { maxQueueBytes: 5000 } });
    const peer = await running.connect();
    const payload = 'x'.repeat(3000);
    const [created, refused] = await peer.ask(submitBackground('f', payload), submitBackground('f', payload));
    expect(read([refused ?? ''])).toEqual(['ERROR QUEUE_ERROR|Job queue is full']);
    await peer.askText(`cancel job ${handleIn(created)}\n`);
    expect(read(await peer.ask(submitBackground('f', payload)))[0]).toMatch(/^JOB_CREATED/);
  });
});
