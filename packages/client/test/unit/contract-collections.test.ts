import { codecs, defineFunction, defineRegistry } from '@gearman/protocol/payload';
import { from, lastValueFrom, toArray } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { type ClientOptions, createClient, submitMap } from '../../src/index.ts';
import { connectFakeClient } from '../support/fake-client.ts';
import { errorOf } from '../support/fake-job.ts';
import { type FakeServer, turn } from '../support/fake-network.ts';

const add = defineFunction({
  name: 'add',
  input: z.tuple([z.number(), z.number()]),
  output: z.number(),
  defaults: { priority: 'high' },
});
const greet = defineFunction({ name: 'greet', input: z.string(), codec: codecs.text() });

/** What types forbid, data from outside can be all the same. */
const wrong = JSON.parse('["a", "b"]') as [number, number];

async function connect(options?: ClientOptions) {
  const fake = await connectFakeClient(options);
  onTestFinished(() => fake.client.close());
  return fake;
}

/** What the server got: types, names and payloads. */
async function sentTo(server: FakeServer): Promise<string[]> {
  await turn();
  return server.received.splice(0).map((packet) => {
    if (!('workload' in packet) || !('functionName' in packet)) throw new Error(`not a job: ${packet.type}`);
    return `${packet.type} ${packet.functionName} ${Buffer.from(packet.workload).toString()}`;
  });
}

describe('a task set', () => {
  it('takes contracts, and what its tasks give has their types', async () => {
    const { client, server } = await connect();
    const set = client.taskSet<number>();
    set.add(add, [1, 2]);
    void set.add(add, [3, 4], { background: true });
    set.add(add, wrong);
    const report = set.wait();
    expect(await sentTo(server)).toEqual(['SUBMIT_JOB_HIGH add [1,2]', 'SUBMIT_JOB_HIGH_BG add [3,4]']);
    server.create('H:1', 'H:2');
    server.complete('H:1', '3');
    const { results } = await report;
    const sums = results.map((result) => (result.ok ? (result.value ?? 0) + 1 : result.error.code));
    expect(sums).toEqual([4, 1, 'ERR_GEARMAN_INVALID_INPUT']);
    expect(results.map(({ functionName }) => functionName)).toEqual(['add', 'add', 'add']);
  });

  it('has bytes of what is submitted by name, whose text is a method away', async () => {
    const { client, server } = await connect();
    const set = client.taskSet<Buffer | string>();
    set.add('reverse', 'abc');
    set.add(greet, 'you');
    await turn();
    server.create('H:1', 'H:2');
    server.complete('H:1', 'größe');
    server.complete('H:2', 'hello you');
    const { results } = await set.wait();
    expect(results.map((result) => (result.ok ? String(result.value) : ''))).toEqual(['größe', 'hello you']);
  });
});

describe('a task queue', () => {
  it('of a contract takes and gives what that says', async () => {
    const { client, server } = await connect();
    const sums: number[] = [];
    const queue = client.taskQueue({ contract: add, onComplete: ({ value }) => sums.push(value) });
    queue.add([1, 2]).add([3, 4], { background: true }).add(wrong);
    expect([queue.name, queue.functionName, queue.size]).toEqual(['add', 'add', 3]);
    const set = queue.run();
    expect(await sentTo(server)).toEqual(['SUBMIT_JOB_HIGH add [1,2]', 'SUBMIT_JOB_HIGH_BG add [3,4]']);
    server.create('H:1', 'H:2');
    server.complete('H:1', '3');
    const { failed } = await set.wait();
    expect(failed).toMatchObject([{ index: 2, error: { code: 'ERR_GEARMAN_INVALID_INPUT' } }]);
    expect(sums).toEqual([3]);
  });

  it.each([
    [{}, 'one of them'],
    [{ functionName: 'f', contract: add }, 'one of them'],
    [{ contract: { name: 'f' } }, 'defineFunction()'],
  ])('refuses %j', async (options, problem) => {
    const { client } = await connect();
    expect(() => client.taskQueue(options as { functionName: string })).toThrow(problem);
  });
});

describe('submitMany() and submitManyBackground()', () => {
  it('take contracts and names', async () => {
    const { client, server } = await connect({ priority: 'low' });
    const [sum, text] = client.submitMany([
      { contract: add, data: [1, 2] },
      { contract: greet, data: 'you', options: { priority: 'normal' } },
    ]);
    expect(await sentTo(server)).toEqual(['SUBMIT_JOB_HIGH add [1,2]', 'SUBMIT_JOB greet you']);
    server.create('H:1', 'H:2');
    server.complete('H:1', '3');
    server.complete('H:2', 'hello');
    expect([await sum, await text]).toEqual([3, 'hello']);

    const outcomes = client.submitManyBackground([
      { contract: add, data: [1, 2] },
      { contract: add, data: wrong },
    ]);
    expect(await sentTo(server)).toEqual(['SUBMIT_JOB_HIGH_BG add [1,2]']);
    server.create('H:3');
    expect(await outcomes).toMatchObject([{ ok: true }, { ok: false, error: { part: 'input' } }]);
    const nameless = {} as { functionName: string };
    expect(() => client.submitMany([nameless])).toThrow('item 0');
  });
});

describe('submitMap()', () => {
  it('takes a contract', async () => {
    const { client, server } = await connect();
    const sums = lastValueFrom(from([[1, 2] as [number, number]]).pipe(submitMap(client, add), toArray()));
    expect(await sentTo(server)).toEqual(['SUBMIT_JOB_HIGH add [1,2]']);
    server.create('H:1');
    server.complete('H:1', '3');
    expect(await sums).toEqual([3]);
  });
});

describe('submitAt() and schedule()', () => {
  it('take a contract, or what the client knows of a name', async () => {
    const { client, server } = await connect();
    const later = client.submitAt(add, 1_900_000_000, [1, 2]);
    const often = client.schedule(greet, { hour: 3 }, 'hello');
    expect(await sentTo(server)).toEqual(['SUBMIT_JOB_EPOCH add [1,2]', 'SUBMIT_JOB_SCHED greet hello']);
    server.create('H:1', 'H:2');
    expect([(await later).handle, (await often).handle]).toEqual(['H:1', 'H:2']);
    expect(await errorOf(client.submitAt(add, 1_900_000_000, wrong))).toMatchObject({ part: 'input' });
    expect(await sentTo(server)).toEqual([]);
    const text = createClient({ pool: client.pool, contracts: defineRegistry({ add }), encoding: 'latin1' });
    onTestFinished(() => text.close());
    const refs = [text.submitAt('add', 1_900_000_000, [5, 6]), text.submitAt('greet', 1_900_000_000, 'ö')];
    expect(await sentTo(server)).toEqual(['SUBMIT_JOB_EPOCH add [5,6]', 'SUBMIT_JOB_EPOCH greet \ufffd']);
    server.create('H:3', 'H:4');
    expect(await Promise.all(refs)).toHaveLength(2);
  });
});
