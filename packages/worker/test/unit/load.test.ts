import type { FakeClock } from '@gearman/testing';
import { expect, test } from 'vitest';
import type { Worker } from '../../src/index.ts';
import { FakeJobServer } from '../support/fake-job-server.ts';
import { turn } from '../support/fake-network.ts';
import { createFakeWorker } from '../support/fake-worker.ts';

/** Random numbers from 0 up to 1 that are the same in each run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Registers a handler that takes up to 20 ms of the fake clock, or none, and watches how many run. */
function registerRandom(
  worker: Worker,
  clock: FakeClock,
  random: () => number,
): { most: number; now: number } {
  const count = { most: 0, now: 0 };
  worker.register('f', (job) => {
    const payload = job.text();
    if (random() < 0.2) return payload;
    count.now++;
    count.most = Math.max(count.most, count.now);
    return new Promise((resolve) => {
      clock.setTimer(random() * 20, () => {
        count.now--;
        resolve(payload);
      });
    });
  });
  return count;
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));
const sorted = (list: readonly string[]): string[] => list.toSorted((a, b) => Number(a) - Number(b));

test('5,000 jobs of random length run once each, never more than 64 at a time', async () => {
  const { worker, clock, peer } = createFakeWorker({ concurrency: 64 });
  const count = registerRandom(worker, clock, randomFrom(1));
  const server = new FakeJobServer();
  const started = worker.start();
  server.serve(peer);
  await started;
  const payloads = numbers(5000);
  server.submit(...payloads);
  while (server.done.length < payloads.length) {
    await turn();
    expect(server.running).toBeLessThanOrEqual(64);
    clock.advance(1);
  }
  expect(sorted(server.done)).toEqual(payloads);
  expect(count.most).toBeLessThanOrEqual(64);
  expect(count.most).toBeGreaterThan(48);
  expect(server.strays).toEqual([]);
  await worker.stop();
  expect(clock.nextTimerInMs).toBeUndefined();
});

test.each([1, 2, 7, 32])(
  'loses no job and no slot at concurrency %i while three servers come and go',
  async (concurrency) => {
    const names = ['a:1', 'b:2', 'c:3'];
    const reconnect = { maxMs: 20 };
    const { worker, clock, net } = createFakeWorker({ concurrency, servers: names, reconnect });
    const random = randomFrom(concurrency);
    const count = registerRandom(worker, clock, random);
    const servers = names.map(() => new FakeJobServer());
    const dialled = names.map(() => 0);
    void worker.start();
    const total = 300 + 40 * concurrency;
    const payloads = servers.map((_, index) => numbers(total).filter((each) => Number(each) % 3 === index));
    const left = payloads.map((list) => [...list]);
    const done = (): number => servers.reduce((sum, server) => sum + server.done.length, 0);

    for (let turns = 0; done() < total; turns++) {
      expect(turns).toBeLessThan(100_000);
      for (const [index, server] of servers.entries()) {
        const name = names[index] ?? '';
        if (net.dials(name) > (dialled[index] ?? 0)) {
          dialled[index] = net.dials(name);
          server.serve(net.peer(name));
        } else if (random() < 0.02) server.lose();
        if (random() < 0.3) server.submit(...(left[index]?.splice(0, Math.ceil(random() * 20)) ?? []));
      }
      await turn();
      clock.advance(1);
      expect(worker.status().running).toBeLessThanOrEqual(concurrency);
    }
    // A job that was lost runs again; nothing but what was lost does.
    expect(servers.map((server) => sorted(server.done))).toEqual(payloads);
    expect(servers.flatMap((server) => server.strays)).toEqual([]);
    expect(count.most).toBeLessThanOrEqual(concurrency);

    // Every slot is still there.
    for (let i = 0; i < 50; i++) {
      clock.advance(10);
      await turn();
    }
    expect(worker.status().running).toBe(0);
    for (const server of servers) server.lose();
    await worker.stop();
    expect(clock.nextTimerInMs).toBeUndefined();
  },
);

test('an idle server hears little: two requests for one job', async () => {
  const { worker, clock, peer } = createFakeWorker({ concurrency: 64 });
  worker.register('f', (job) => job.payload);
  const server = new FakeJobServer();
  const started = worker.start();
  server.serve(peer);
  await started;
  for (let i = 0; i < 5; i++) await turn();
  const before = server.dry;
  server.submit('1');
  for (let i = 0; i < 10; i++) await turn();
  expect(server.done).toEqual(['1']);
  expect(server.dry - before).toBe(2);
  await worker.stop();
  expect(clock.nextTimerInMs).toBeUndefined();
});
