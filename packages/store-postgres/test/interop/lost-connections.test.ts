import { describe, expect, test } from 'vitest';
import type { Cut } from '../../../../test/support/network.ts';
import { withoutPostgres } from '../../../../test/support/postgres.ts';
import { until } from '../../../../test/support/until.ts';
import type { PostgresStore } from '../../src/index.ts';
import { batch, job, openedNumbers } from '../support/jobs.ts';
import { Place } from '../support/place.ts';

const LARGE = Buffer.alloc(50_000, 'x');
/** Only a batch with a large payload has so many bytes. */
const IN_A_BATCH = 10_000;

async function accepts(store: PostgresStore, parts: Parameters<typeof batch>[0]): Promise<void> {
  expect((await store.commit(batch(parts))).refused).toBeUndefined();
}

describe.skipIf(withoutPostgres)('a connection that breaks', () => {
  test.each<[when: string, cut: Cut]>([
    ['before a batch gets through', 'cut statement'],
    ['when half of a batch has got through', 'cut within'],
    ['before the answer gets through', 'cut answer'],
  ])('%s costs nothing: the batch is recorded once', async (_, cut) => {
    const place = new Place();
    const { store, network } = await place.store();
    await store.open();
    await accepts(store, { puts: [job(1), job(2)] });
    for (let number = 3; number <= 12; number++) {
      network.cutNext(cut, IN_A_BATCH);
      await accepts(store, { puts: [job(number, { payload: LARGE })], dones: [number - 2] });
    }
    expect(network.cuts).toBe(10);
    expect(store.usage()).toMatchObject({ jobs: 2, full: undefined });
    expect(await place.numbers()).toEqual([11, 12]);
    expect(await place.fence()).toBe(11);
  });

  test('a batch that arrives late, when it was sent again and its job is over, does nothing', async () => {
    const place = new Place();
    const { store, network } = await place.store();
    await store.open();
    network.cutNext('keep statement', IN_A_BATCH);
    await accepts(store, { puts: [job(1, { payload: LARGE })] });
    await accepts(store, { dones: [1] });
    network.deliver();
    await accepts(store, { puts: [job(2)] });
    expect(await place.numbers()).toEqual([2]);
  });

  test('is noticed and made again when nothing is going on, and when the database ends it', async () => {
    const place = new Place();
    const { store, network } = await place.store();
    await store.open();
    network.cut();
    await until(async () => ((await place.fence()) === 2 ? true : undefined));
    await accepts(store, { puts: [job(1)] });
    const [node] = await place.ask<{ session: string }>(`select session from ${place.quoted}.node`);
    await place.ask('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1', [
      node?.session,
    ]);
    await accepts(store, { puts: [job(2)] });
    expect(await place.numbers()).toEqual([1, 2]);
  });

  test('in the middle of reading jobs: those that were to come are read by the next one', async () => {
    const place = new Place();
    const { store, network } = await place.store();
    await store.open();
    const numbers = Array.from({ length: 30 }, (_, i) => i + 1);
    await accepts(store, { puts: numbers.map((number) => job(number, { payload: Buffer.alloc(500_000) })) });
    await store.close();
    const found: number[] = [];
    for await (const { number } of (await store.open()).jobs) {
      found.push(number);
      if (number === 1) network.cut();
    }
    expect(found).toEqual(numbers);
  });
});

describe.skipIf(withoutPostgres)('a database that is away', () => {
  test('refuses submits within a second, and records the ends of jobs as soon as it is back', async () => {
    const place = new Place();
    const { store, network } = await place.store();
    await store.open();
    await accepts(store, { puts: [job(1), job(2), job(3)] });
    network.refuse();
    for (const dones of [[1], [2], []]) {
      const before = performance.now();
      const { refused } = await store.commit(batch({ puts: [job(10 + dones.length)], dones }));
      expect(performance.now() - before).toBeLessThan(1000);
      expect(refused).toMatchObject({ code: 'ERR_GEARMAN_STORE_AWAY', retryable: true });
    }
    expect(store.usage().full).toMatchObject({ code: 'ERR_GEARMAN_STORE_AWAY' });
    await expect(store.read([3])).rejects.toMatchObject({ code: 'ERR_GEARMAN_STORE_AWAY' });
    network.mend();
    await until(async () => ((await place.numbers()).length === 1 ? true : undefined));
    expect(await place.numbers()).toEqual([3]);
    await accepts(store, { puts: [job(20)] });
    expect(await openedAfter(place, store)).toEqual([3, 20]);
  });

  test('with waitMs lets submits wait for it', async () => {
    const place = new Place();
    const { store, network } = await place.store({ whenLost: { waitMs: 20_000 } });
    await store.open();
    network.refuse();
    const commit = store.commit(batch({ puts: [job(1)] }));
    await until(() => (store.usage().full === undefined ? undefined : true));
    network.mend();
    expect((await commit).refused).toBeUndefined();
    expect(await place.numbers()).toEqual([1]);
  });

  test('and says nothing, is noticed after the time for a statement', async () => {
    const place = new Place();
    const { store, network } = await place.store({ statementTimeoutMs: 200, connectTimeoutMs: 200 });
    await store.open();
    await accepts(store, { puts: [job(1)] });
    network.silence();
    const { refused } = await store.commit(batch({ puts: [job(2)], dones: [1] }));
    expect(refused).toMatchObject({ code: 'ERR_GEARMAN_STORE_AWAY' });
    network.mend();
    await until(async () => ((await place.numbers()).length === 0 ? true : undefined));
    await accepts(store, { puts: [job(3)] });
    expect(await place.numbers()).toEqual([3]);
  });

  test('and comes back while the store is being closed, has the ends of jobs recorded', async () => {
    const place = new Place();
    const { store, network } = await place.store();
    await store.open();
    await accepts(store, { puts: [job(1), job(2)] });
    network.refuse();
    expect((await store.commit(batch({ dones: [1] }))).refused).toBeInstanceOf(Error);
    const closed = store.close();
    network.mend();
    await closed;
    expect(await place.numbers()).toEqual([2]);
  });

  test('does not hold up close() for long', async () => {
    const place = new Place();
    const { store, network } = await place.store();
    await store.open();
    network.refuse();
    await store.commit(batch({ puts: [job(1)] }));
    await store.close();
    expect((await store.commit(batch({ puts: [job(2)] }))).refused).toMatchObject({
      code: 'ERR_GEARMAN_STORE_UNUSABLE',
    });
  });
});

/** What is there after a restart. */
async function openedAfter(place: Place, store: PostgresStore): Promise<number[]> {
  await store.close();
  const next = await place.store();
  return openedNumbers(next.store);
}
