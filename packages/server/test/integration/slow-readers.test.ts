import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { canDo, echo, grab, handleIn, submit, workComplete, workData } from '../support/requests.ts';
import { startServer } from '../support/start-server.ts';
import { TestConnection } from '../support/test-connection.ts';

const limits = { outboxSoftBytes: 100_000, outboxHardBytes: 1_000_000 };

describe('a peer that does not read', () => {
  test('is not read from either, until it reads again; then everything comes in order', async () => {
    const running = await startServer({ limits });
    const slow = running.server.connect();
    const good = await running.connect();
    const packets = 2000;
    const peer = new TestConnection(slow);
    slow.pause();
    for (let i = 0; i < packets; i++) peer.send(echo(`${i}:${'x'.repeat(1000)}`));
    await good.ask(echo('good'));
    // What the server did not take is still with the writer.
    expect(slow.writableLength).toBeGreaterThan(1_000_000);
    slow.resume();
    const answers = await peer.arrived();
    expect(answers.map((answer) => Number(answer.slice(12).split(':')[0]))).toEqual(
      Array.from({ length: packets }, (_, i) => i),
    );
  });

  test('is disconnected when it has taken nothing for ten seconds', async () => {
    const clock = new FakeClock();
    const running = await startServer({ limits, clock });
    const slow = running.server.connect();
    const peer = new TestConnection(slow);
    slow.pause();
    for (let i = 0; i < 500; i++) peer.send(echo('x'.repeat(1000)));
    const gone = running.next('disconnect');
    const good = await running.connect();
    await good.arrived();
    await expect.poll(() => clock.timerCount).toBeGreaterThan(0);
    clock.advance(12_000);
    expect((await gone).reason).toMatch(/^left \d+ bytes unread and took none for 10000 ms$/);
    expect(await good.ask(echo('good'))).toHaveLength(1);
  });

  test('is disconnected also when others fill its outbox', async () => {
    const clock = new FakeClock();
    const running = await startServer({ limits, clock });
    const slow = running.server.connect();
    const client = new TestConnection(slow);
    const worker = await running.connect();
    await client.ask(submit('f'));
    slow.pause();
    const handle = handleIn((await worker.ask(canDo('f'), grab()))[0]);
    worker.send(workData(handle, 'x'.repeat(500_000)));
    await worker.arrived();
    const gone = running.next('disconnect');
    clock.advance(12_000);
    expect((await gone).reason).toMatch(/^left \d+ bytes unread and took none/);
  });

  test('is disconnected past the hard limit when there is more for it', async () => {
    const running = await startServer({ limits });
    const client = new TestConnection(running.server.connect());
    const [worker, admin] = [await running.connect(), await running.connect()];
    const [, second] = await client.ask(submit('f'), submit('f'));
    client.stream.pause();
    const handle = handleIn((await worker.ask(canDo('f'), grab()))[0]);
    worker.send(workComplete(handle, 'x'.repeat(2_000_000)));
    await worker.arrived();
    const gone = running.next('disconnect');
    await admin.askText(`cancel job ${handleIn(second)}\n`);
    expect((await gone).reason).toMatch(/^left \d+ bytes unread$/);
    expect(running.server.stats.limits.outboxHardBytes).toBe(1);
    expect(running.server.stats.outputBytes).toBe(0);
  });

  test('gets one packet of any size, even past the limit', async () => {
    const running = await startServer({ limits });
    const [client, worker] = [await running.connect(), await running.connect()];
    await client.ask(submit('f'));
    const handle = handleIn((await worker.ask(canDo('f'), grab()))[0]);
    const size = limits.outboxHardBytes * 5;
    worker.send(workComplete(handle, 'x'.repeat(size)));
    await worker.arrived();
    const [result] = await client.arrived();
    expect(result?.length).toBe(12 + handle.length + 1 + size);
  });
});

describe('long listings', () => {
  test('come in pieces, between which others are served, and later requests wait for their end', async () => {
    const running = await startServer();
    const [asking, other] = [await running.connect(), await running.connect()];
    const functions = 20_000;
    for (let i = 0; i < functions; i++) asking.sendText(`create function f${i}\r\n`);
    await asking.arrived();
    const order: string[] = [];
    asking.sendText('status\n');
    asking.send(echo('after'));
    const listed = asking.arrived().then((messages) => {
      order.push('listing');
      return messages;
    });
    await other.ask(echo('other'));
    order.push('other');
    const [listing, after] = await listed;
    expect(order).toEqual(['other', 'listing']);
    expect(listing?.split('\n')).toHaveLength(functions + 2);
    expect(after).toContain('after');
  });

  test('reach a peer that closes its sending side', async () => {
    const running = await startServer();
    const peer = await running.connect();
    for (let i = 0; i < 2000; i++) peer.sendText(`create function f${i}\r\n`);
    await peer.arrived();
    peer.sendText('status\nversion\n');
    peer.stream.end();
    await peer.closed;
    const [answer] = await peer.arrived();
    expect(answer?.endsWith('.\nOK 0.1.0\n')).toBe(true);
  });
});
