import { systemClock } from '@gearman/events';
import { describe, expect, test } from 'vitest';
import { withoutPostgres } from '../../../../test/support/postgres.ts';
import { until } from '../../../../test/support/until.ts';
import { batch, job, openedNumbers } from '../support/jobs.ts';
import { Place } from '../support/place.ts';

const LEASE_MS = 1000;

/** The clock of the system, which a test can put forward: the process stood still. */
function jumpingClock() {
  let jumpedMs = 0;
  return {
    clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + jumpedMs },
    jump(ms: number) {
      jumpedMs += ms;
    },
  };
}

describe.skipIf(withoutPostgres)('the lease', () => {
  test('keeps a second server out while the first lives, however long', async () => {
    const place = new Place();
    const first = await place.store({ leaseMs: LEASE_MS });
    const second = await place.store({ leaseMs: LEASE_MS });
    await first.store.open();
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(second.store.open()).rejects.toMatchObject({
        code: 'ERR_GEARMAN_STORE_LOCKED',
        message: expect.stringContaining(`is in use by process ${process.pid} on `),
      });
    }
    expect((await first.store.commit(batch({ puts: [job(1)] }))).refused).toBeUndefined();
    expect(await place.fence()).toBe(1);
  });

  test('ends with close(): the next server need not wait', async () => {
    const place = new Place();
    const first = await place.store({ leaseMs: 60_000 });
    await first.store.open();
    await first.store.commit(batch({ puts: [job(1)] }));
    await first.store.close();
    const second = await place.store();
    expect(await openedNumbers(second.store)).toEqual([1]);
  });

  test('of a dead server is waited for; one that comes back records nothing any more', async () => {
    const place = new Place();
    const first = await place.store({ leaseMs: LEASE_MS });
    await first.store.open();
    await first.store.commit(batch({ puts: [job(1), job(2)] }));
    first.network.refuse();

    const second = await place.store({ leaseMs: LEASE_MS });
    expect(await openedNumbers(second.store)).toEqual([1, 2]);
    await second.store.commit(batch({ puts: [job(3)] }));

    first.network.mend();
    const late = first.store.commit(batch({ puts: [job(4)], dones: [1] }));
    await until(() => (/taken over/.test(String(first.store.usage().full?.message)) ? true : undefined));
    // It may have been refused before the first one knew; from now on it is broken for good.
    expect(
      await late.then(
        ({ refused }) => refused,
        (error: unknown) => error,
      ),
    ).toBeInstanceOf(Error);
    await expect(first.store.commit(batch({ puts: [job(5)], dones: [2] }))).rejects.toMatchObject({
      code: 'ERR_GEARMAN_STORE_TAKEN_OVER',
    });
    expect(await place.numbers()).toEqual([1, 2, 3]);
    expect((await second.store.commit(batch({ dones: [1] }))).refused).toBeUndefined();
    expect(await place.numbers()).toEqual([2, 3]);
  });

  test('of a server that is cut off in the middle of a batch ends with what it was doing', async () => {
    const place = new Place();
    const first = await place.store({ leaseMs: LEASE_MS });
    await first.store.open();
    first.network.cutNext('keep statement', 10_000);
    const late = first.store.commit(batch({ puts: [job(1, { payload: Buffer.alloc(50_000) })] }));
    first.network.refuse();
    const second = await place.store({ leaseMs: LEASE_MS });
    expect(await openedNumbers(second.store)).toEqual([]);
    first.network.deliver();
    expect(
      await late.then(
        ({ refused }) => refused,
        (error: unknown) => error,
      ),
    ).toBeInstanceOf(Error);
    expect(await place.numbers()).toEqual([]);
  });

  test('that may have run out while the process stood still is taken anew before anything is recorded', async () => {
    const place = new Place();
    const { clock, jump } = jumpingClock();
    const { store } = await place.store({ leaseMs: 60_000, clock, whenLost: { waitMs: 20_000 } });
    await store.open();
    jump(60_000);
    expect((await store.commit(batch({ puts: [job(1)] }))).refused).toBeUndefined();
    expect(await place.fence()).toBe(2);
    expect(await place.numbers()).toEqual([1]);
  });

  test('two servers that wait for the same one do not both get it', async () => {
    const place = new Place();
    const dead = await place.store({ leaseMs: LEASE_MS });
    await dead.store.open();
    dead.network.refuse();
    const both = await Promise.all([place.store({ leaseMs: LEASE_MS }), place.store({ leaseMs: LEASE_MS })]);
    const outcomes = await Promise.allSettled(both.map(({ store }) => store.open()));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'ERR_GEARMAN_STORE_LOCKED' },
    });
  });
});
