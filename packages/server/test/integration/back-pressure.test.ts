import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { encodePacket } from '@gearman/protocol';
import { FakeClock } from '@gearman/testing';
import { expect, onTestFinished, test } from 'vitest';
import { canDo, echo, grab, handleIn, submit, workComplete, workData } from '../support/requests.ts';
import { type RunningServer, startServer } from '../support/start-server.ts';
import { TestConnection } from '../support/test-connection.ts';

const limits = { outboxSoftBytes: 100_000, outboxHardBytes: 10_000_000 };
const CHUNK = 'x'.repeat(10_000);
const CHUNKS = 100;
const MIB = 1024 * 1024;

/** A worker that runs a job of a client that does not read, and one of a client that does. */
interface Stage {
  readonly running: RunningServer;
  readonly clock: FakeClock;
  readonly slow: TestConnection;
  readonly good: TestConnection;
  readonly worker: TestConnection;
  readonly slowHandle: string;
  readonly goodHandle: string;
}

async function setStage(): Promise<Stage> {
  const clock = new FakeClock();
  const running = await startServer({ limits, clock });
  const slow = new TestConnection(running.server.connect());
  const [good, worker] = [await running.connect(), await running.connect()];
  await slow.ask(submit('f'));
  await good.ask(submit('f'));
  slow.stream.pause();
  const [first, second] = await worker.ask(canDo('f'), grab(), grab());
  return {
    ...{ running, clock, slow, good, worker },
    slowHandle: handleIn(first),
    goodHandle: handleIn(second),
  };
}

/** Sends more than the slow client's outbox may hold, and waits until the worker is not read any more. */
async function sendTooMuch({ running, worker, slowHandle }: Stage): Promise<void> {
  for (let i = 0; i < CHUNKS; i++) worker.send(workData(slowHandle, `${i}:${CHUNK}`));
  await expect.poll(() => running.server.stats.limits.outboxSoftBytes).toBeGreaterThan(0);
}

const dataOf = (message: string, handle: string): string => message.slice(12 + handle.length + 1);

test('a worker waits for a client that reads slowly, others do not; nothing is lost or out of order', async () => {
  const stage = await setStage();
  const { running, slow, worker, slowHandle } = stage;
  await sendTooMuch(stage);
  worker.send(workComplete(slowHandle, 'end'), echo('worker'));
  const others = [await running.connect(), await running.connect()] as const;
  const [, other] = [await others[0].ask(submit('g')), await others[1].ask(canDo('g'), grab())];
  await others[1].ask(workComplete(handleIn(other[0]), 'of another worker'));
  expect((await others[0].arrived()).join()).toContain('of another worker');
  expect(running.server.stats.outputBytes).toBeLessThan(limits.outboxSoftBytes + 2 * CHUNK.length);
  slow.stream.resume();
  expect((await worker.arrived()).join()).toContain('worker');
  const messages = await slow.arrived();
  expect(messages.map((message) => dataOf(message, slowHandle).split(':')[0])).toEqual([
    ...Array.from({ length: CHUNKS }, (_, i) => String(i)),
    'end',
  ]);
});

test('a client that takes nothing for ten seconds is disconnected, and its worker goes on', async () => {
  const stage = await setStage();
  const { running, clock, good, worker, goodHandle } = stage;
  await sendTooMuch(stage);
  worker.send(workComplete(goodHandle, 'good'));
  const gone = running.next('disconnect');
  clock.advance(12_000);
  expect((await gone).reason).toMatch(/^left \d+ bytes unread and took none for 10000 ms$/);
  await worker.arrived();
  expect((await good.arrived()).join()).toContain('good');
  expect(running.server.stats.limits.stallTimeoutMs).toBe(1);
});

test('a client that leaves lets its worker go on', async () => {
  const stage = await setStage();
  await sendTooMuch(stage);
  stage.slow.stream.destroy();
  expect(await stage.worker.ask(workComplete(stage.slowHandle, ''))).toEqual([]);
  expect(stage.running.server.stats).toMatchObject({ outputBytes: 0, runningJobs: 1 });
});

test('a worker that leaves while it waits gives its jobs back', async () => {
  const stage = await setStage();
  const { running, slow, worker } = stage;
  await sendTooMuch(stage);
  const gone = running.next('disconnect');
  await worker.close();
  // Nobody reads from the worker, so that it is gone shows when what it sent may go on.
  slow.stream.resume();
  await gone;
  expect(running.server.stats).toMatchObject({ runningJobs: 0, jobs: 2 });
});

test('a connection that works for itself is slowed down, not stuck', async () => {
  const running = await startServer({ limits });
  const both = await running.connect();
  const [, assigned] = await both.ask(canDo('f'), submit('f'), grab());
  const handle = handleIn(assigned);
  for (let i = 0; i < CHUNKS; i++) both.send(workData(handle, CHUNK));
  both.send(workComplete(handle, 'end'));
  expect(await both.arrived()).toHaveLength(CHUNKS + 1);
});

test('256 MiB through a slow reader take no more memory than the limits allow', async () => {
  const running = await startServer();
  const worker = await running.connect();
  const client = connect({ port: running.port, host: '127.0.0.1' });
  onTestFinished(() => void client.destroy());
  for (const bytes of encodePacket(submit('f'))) client.write(bytes);
  await once(client, 'readable');
  client.read();
  const handle = handleIn((await worker.ask(canDo('f'), grab()))[0]);
  const before = process.memoryUsage().arrayBuffers;

  const packet = Buffer.concat(encodePacket(workData(handle, 'y'.repeat(MIB))));
  void sendAll(worker.stream, packet, 256);
  let mostWaiting = 0;
  let mostMemory = 0;
  let looks = 0;
  const received = await readSlowly(client, 256 * packet.length, () => {
    mostWaiting = Math.max(mostWaiting, running.server.stats.outputBytes);
    if (looks++ % 200 !== 0) return;
    collectGarbage();
    mostMemory = Math.max(mostMemory, process.memoryUsage().arrayBuffers - before);
  });
  expect(received).toBe(256 * packet.length);
  expect(mostWaiting).toBeGreaterThan(4 * MIB);
  expect(mostWaiting).toBeLessThan(8 * MIB + 2 * packet.length);
  // Server, worker and client are one process here.
  expect(mostMemory).toBeLessThan(40 * MIB);
}, 60_000);

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
}

async function sendAll(stream: NodeJS.WritableStream, packet: Buffer, count: number): Promise<void> {
  for (let i = 0; i < count; i++) if (!stream.write(packet)) await once(stream, 'drain');
}

/** Reads a little in every turn of the event loop. */
async function readSlowly(socket: Socket, bytes: number, look: () => void): Promise<number> {
  let received = 0;
  while (received < bytes) {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) await once(socket, 'readable');
    else received += chunk.length;
    look();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return received;
}
