import { encodePacket } from '@gearman/protocol';
import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { readMessage } from '../support/read-message.ts';
import {
  canDo,
  echo,
  grab,
  handleIn,
  preSleep,
  submit,
  submitBackground,
  workComplete,
} from '../support/requests.ts';
import { startServer } from '../support/start-server.ts';
import { TestConnection } from '../support/test-connection.ts';

const read = (messages: readonly string[]): string[] => messages.map(readMessage);
const wholePacket = (bytes: number): Buffer =>
  Buffer.concat(encodePacket(submitBackground('f', 'x'.repeat(bytes))));

describe('connections', () => {
  test('of one address are limited, until one is closed', async () => {
    const running = await startServer({ limits: { maxConnectionsPerAddress: 2 } });
    const first = await running.connect();
    const second = await running.connect();
    await Promise.all([first.arrived(), second.arrived()]);
    await (await running.connect()).closed;
    // Inside the process there is no address.
    const inside = new TestConnection(running.server.connect());
    expect(await inside.ask(echo('inside'))).toHaveLength(1);
    const gone = running.next('disconnect');
    await first.close();
    await gone;
    expect(await (await running.connect()).ask(echo('x'))).toHaveLength(1);
    expect(running.server.stats).toMatchObject({ connections: 3, limits: { maxConnectionsPerAddress: 1 } });
  });

  test('may stay idle for ever, unless there is a limit', async () => {
    const clock = new FakeClock();
    const running = await startServer({ clock, limits: { idleTimeoutMs: 60_000 } });
    const [idle, client, worker, sleeper] = [
      await running.connect(),
      await running.connect(),
      await running.connect(),
      await running.connect(),
    ];
    await client.ask(submit('f'));
    const handle = handleIn((await worker.ask(canDo('f'), grab()))[0]);
    await sleeper.ask(canDo('g'), preSleep());
    await idle.arrived();
    clock.advance(300_000);
    await idle.closed;
    expect(running.server.stats).toMatchObject({ connections: 3, limits: { idleTimeoutMs: 1 } });
    // From now on they wait for nothing.
    await worker.ask(workComplete(handle, 'r'));
    expect((await client.arrived()).join()).toContain('r');
    clock.advance(61_000);
    await client.arrived();
    clock.advance(300_000);
    await Promise.all([worker.closed, client.closed]);
    expect(running.server.stats.connections).toBe(1);
  });
});

describe('jobs', () => {
  test('past the limit submits are answered with ERROR', async () => {
    const running = await startServer({ limits: { maxJobs: 1 } });
    const peer = await running.connect();
    const [, refused] = await peer.ask(submitBackground('f'), submitBackground('f'));
    expect(read([refused ?? ''])).toEqual(['ERROR QUEUE_ERROR|Job queue is full']);
    expect(running.server.stats).toMatchObject({ jobs: 1, limits: { maxJobs: 1 } });
  });
});

describe('unfinished input', () => {
  const limits = { maxInputBytes: 300_000 };
  const packet = wholePacket(200_000);
  const most = packet.subarray(0, 190_000);

  test('past the limit only one connection at a time is read on; all come through', async () => {
    const running = await startServer({ limits });
    const peers = await Promise.all(Array.from({ length: 8 }, () => running.connect()));
    for (const peer of peers) peer.sendBytes(most);
    await expect.poll(() => running.server.stats.limits.maxInputBytes).toBeGreaterThan(0);
    // Those who send little are served meanwhile.
    expect(await (await running.connect()).ask(submitBackground('f'))).toHaveLength(1);
    for (const peer of peers) peer.sendBytes(packet.subarray(most.length));
    for (const peer of peers) expect(read(await peer.arrived())[0]).toMatch(/^JOB_CREATED /);
    expect(running.server.stats).toMatchObject({ inputBytes: 0, jobs: 9 });
  });

  test('of a peer that trickles is given up when another one needs the memory', async () => {
    const clock = new FakeClock();
    const running = await startServer({ limits, clock });
    const trickling = [await running.connect(), await running.connect()];
    for (const peer of trickling) peer.sendBytes(most);
    await expect.poll(() => running.server.stats.inputBytes).toBeGreaterThan(limits.maxInputBytes);
    // Each piece comes in time, the whole would not come for hours.
    for (let i = 0; i < 3; i++) {
      clock.advance(15_000);
      for (const peer of trickling) peer.sendBytes(packet.subarray(most.length + i, most.length + i + 1));
      await (await running.connect()).arrived();
    }
    expect(running.server.stats.connections).toBe(5);
    const good = await running.connect();
    good.sendBytes(packet);
    await expect.poll(() => running.server.stats.limits.maxInputBytes).toBe(1);
    await expect
      .poll(() => {
        clock.advance(1000);
        return running.server.stats.jobs;
      })
      .toBe(1);
    expect(read(await good.arrived())[0]).toMatch(/^JOB_CREATED /);
    expect(running.server.stats.limits.messageTimeoutMs).toBeGreaterThan(0);
  });

  test('is forgotten with its connection', async () => {
    const running = await startServer();
    const peer = await running.connect();
    peer.sendBytes(most);
    await expect.poll(() => running.server.stats.inputBytes).toBeGreaterThan(100_000);
    const gone = running.next('disconnect');
    await peer.close();
    await gone;
    expect(running.server.stats.inputBytes).toBe(0);
  });
});

describe('unread output', () => {
  test('past the limit those with the most are disconnected, the others notice nothing', async () => {
    const running = await startServer({ limits: { maxOutputBytes: 1_000_000 } });
    const [worker, small] = [await running.connect(), new TestConnection(running.server.connect())];
    const large = [1, 2].map(() => new TestConnection(running.server.connect()));
    await worker.ask(canDo('f'));
    for (const client of [...large, small]) {
      await client.ask(submit('f'));
      client.stream.pause();
    }
    const handles = (await worker.ask(grab(), grab(), grab())).map(handleIn);
    await worker.ask(workComplete(handles[2] ?? '', 'small'));
    await worker.ask(workComplete(handles[0] ?? '', 'x'.repeat(700_000)));
    const gone = running.next('disconnect');
    await worker.ask(workComplete(handles[1] ?? '', 'x'.repeat(800_000)));
    expect((await gone).reason).toMatch(/^left 8\d{5} bytes unread when the memory for output was used up$/);
    expect(running.server.stats).toMatchObject({ connections: 3, limits: { maxOutputBytes: 1 } });
    expect(running.server.stats.outputBytes).toBeLessThan(1_000_000);
    large[0]?.stream.resume();
    small.stream.resume();
    expect((await small.arrived()).join()).toContain('small');
    expect((await large[0]?.arrived())?.[0]).toHaveLength(700_000 + 13 + (handles[0]?.length ?? 0));
    expect(running.server.stats.outputBytes).toBe(0);
  });
});

test('each kind of limit is logged at most once a minute, and counted', async () => {
  const clock = new FakeClock();
  const lines: string[] = [];
  const logger = {
    debug: () => {},
    info: () => {},
    warn: (fields: object, message: string) => lines.push(`${message} ${JSON.stringify(fields)}`),
    error: () => {},
  };
  const limits = { maxJobs: 1, maxFunctionsPerConnection: 1, maxLineBytes: 10 };
  const running = await startServer({ clock, logger, limits });
  const peer = await running.connect();
  await peer.ask(submitBackground('f'), submitBackground('f'), submitBackground('f'), canDo('a'), canDo('b'));
  peer.sendText('far too long a line\n');
  await peer.closed;
  expect(lines).toEqual([
    'maxJobs was reached {"limit":"maxJobs","value":1,"connectionId":1}',
    'maxFunctionsPerConnection was reached {"limit":"maxFunctionsPerConnection","value":1,"connectionId":1}',
    'a peer a text line is longer than 10 bytes {"limit":"maxLineBytes","value":10,"connectionId":1,"address":"127.0.0.1"}',
  ]);
  clock.advance(60_000);
  await (await running.connect()).ask(submitBackground('f'));
  expect(lines).toHaveLength(4);
  expect(running.server.stats.limits).toMatchObject({
    maxJobs: 3,
    maxFunctionsPerConnection: 1,
    maxLineBytes: 1,
    maxQueueBytes: 0,
  });
});
