import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JobStore, StoreBatch, StoredJob } from '../store/store.ts';

/** Where a store keeps its jobs, as a test arranges it. */
export interface StorePlace {
  /** A store that is not open yet, on what the last one left. The first one finds nothing. */
  store(): JobStore | Promise<JobStore>;
  /** The process of the store that is open ends without closing it: the next one finds what a restart would. */
  crash(): void | Promise<void>;
  /**
   * Lets the store run out of room, until the function that it returns is called; see `options.fill` of
   * {@link storeContract}.
   */
  fill?(): (() => void) | Promise<() => void>;
  /** The test is over. */
  remove(): void | Promise<void>;
}

/** One thing that every store must do. */
export interface StoreContractCase {
  /** A sentence about the behaviour. */
  readonly name: string;
  /** Rejects when the store does not behave so. */
  run(): Promise<void>;
}

type Check = (place: StorePlace) => Promise<void>;

/**
 * What every {@link JobStore} must do, for any test runner:
 *
 * ```ts no-run
 * for (const { name, run } of storeContract(makePlace)) test(name, run);
 * ```
 *
 * @param makePlace makes a new, empty place for each case
 * @param options `fill`: with the cases about a store without room; every place then has the method `fill`
 */
export function storeContract(
  makePlace: () => StorePlace | Promise<StorePlace>,
  options: { readonly fill?: boolean } = {},
): StoreContractCase[] {
  const checks = { ...CHECKS, ...(options.fill === true ? FILLING : {}) };
  return Object.entries(checks).map(([name, check]) => ({
    name,
    async run() {
      const place = await makePlace();
      try {
        await check(place);
      } finally {
        await place.remove();
      }
    },
  }));
}

/** Commits to a store and closes it. */
async function record(place: StorePlace, ...batches: Partial<StoreBatch>[]): Promise<void> {
  const store = await place.store();
  await store.open();
  for (const each of batches) await accepted(store, each);
  await store.close();
}

async function accepted(store: JobStore, parts: Partial<StoreBatch>): Promise<void> {
  equal((await store.commit(batchOf(parts))).refused, undefined);
}

async function read(store: JobStore, numbers: readonly number[]): Promise<StoredJob[]> {
  const jobs = await store.read(numbers);
  return jobs.map((job) => ({ ...job, payload: Buffer.from(job.payload) }));
}

/** What the next store finds. */
async function found(place: StorePlace) {
  const store = await place.store();
  const { jobs, settings, lastNumber } = await store.open();
  const list: StoredJob[] = [];
  for await (const job of jobs) list.push({ ...job, payload: Buffer.from(job.payload) });
  await store.close();
  return { jobs: list, settings, lastNumber };
}

const batchOf = (parts: Partial<StoreBatch>): StoreBatch => ({
  puts: [],
  changes: [],
  dones: [],
  settings: new Map(),
  ...parts,
});

function jobOf(number: number, parts: Partial<StoredJob> = {}): StoredJob {
  return {
    number,
    functionName: 'resize',
    uniqueId: `unique ${number}`,
    payload: Buffer.from(`payload of ${number}`),
    priority: 1,
    runAtMs: 0,
    attempts: 0,
    state: 'waiting',
    reducer: undefined,
    extra: '',
    ...parts,
  };
}

const EVERY_BYTE = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));

const CHECKS: Readonly<Record<string, Check>> = {
  'an empty store has nothing': async (place) => {
    const { jobs, settings, lastNumber } = await found(place);
    deepEqual([jobs, [...settings], lastNumber], [[], [], 0]);
  },

  'jobs come back as they were put, with every field, any bytes and no bytes': async (place) => {
    const jobs = [
      jobOf(1, {
        functionName: EVERY_BYTE.slice(1),
        uniqueId: '\xff'.repeat(64),
        payload: Buffer.from(EVERY_BYTE, 'latin1'),
      }),
      jobOf(2, { payload: Buffer.alloc(0), uniqueId: '', priority: 0, state: 'dead' }),
      jobOf(3, {
        priority: 2,
        runAtMs: 1_700_000_000_123.5,
        attempts: 4_000_000_000,
        reducer: '',
        extra: '{"\u20ac":1}',
      }),
      jobOf(2 ** 40, { reducer: 'sum', payload: Buffer.alloc(3 * 1024 * 1024, 'x') }),
    ];
    await record(place, { puts: jobs });
    deepEqual((await found(place)).jobs, jobs);
  },

  'jobs come back in the order of their numbers, however they were put': async (place) => {
    await record(place, { puts: [jobOf(7), jobOf(3)] }, { puts: [jobOf(5)] }, { puts: [jobOf(4)] });
    deepEqual(
      (await found(place)).jobs.map(({ number }) => number),
      [3, 4, 5, 7],
    );
  },

  'jobs with the same unique id, or without, are jobs of their own': async (place) => {
    const puts = [1, 2, 3, 4, 5, 6].map((number) =>
      jobOf(number, { uniqueId: ['', '-', 'same'][number % 3] ?? '' }),
    );
    await record(place, { puts }, { dones: [1, 2, 3] });
    deepEqual(
      (await found(place)).jobs.map(({ number }) => number),
      [4, 5, 6],
    );
  },

  'what is over is gone, also when it was put in the same batch; ends of unknown jobs are ignored': async (
    place,
  ) => {
    await record(place, { puts: [jobOf(1), jobOf(2)] }, { puts: [jobOf(3)], dones: [1, 3, 99] });
    deepEqual(
      (await found(place)).jobs.map(({ number }) => number),
      [2],
    );
  },

  'changes come back with their jobs; those of unknown jobs and of jobs that are over are ignored': async (
    place,
  ) => {
    const change = { runAtMs: 5, attempts: 2, state: 'dead', extra: 'why' } as const;
    const changes = [1, 2, 99].map((number) => ({ number, ...change }));
    await record(place, { puts: [jobOf(1), jobOf(2)] }, { changes, dones: [2] });
    deepEqual((await found(place)).jobs, [jobOf(1, change)]);
  },

  'a job may be put and changed at once, and be over at once, too': async (place) => {
    const change = { runAtMs: 7, attempts: 1, state: 'waiting', extra: '{}' } as const;
    const changes = [1, 2].map((number) => ({ number, ...change }));
    await record(place, { puts: [jobOf(1), jobOf(2)], changes, dones: [2] });
    deepEqual((await found(place)).jobs, [jobOf(1, change)]);
  },

  'a dead job can live again': async (place) => {
    const dead = { number: 1, runAtMs: 0, attempts: 3, state: 'dead', extra: 'why' } as const;
    const alive = { ...dead, attempts: 0, state: 'waiting', extra: '' } as const;
    await record(place, { puts: [jobOf(1)] }, { changes: [dead] }, { changes: [alive] });
    deepEqual((await found(place)).jobs, [jobOf(1)]);
  },

  'settings come back as they were last set; removed ones do not': async (place) => {
    await record(
      place,
      {
        settings: new Map([
          ['a', '1'],
          ['b', '2'],
          ['\xe9\u20ac', ''],
        ]),
      },
      {
        settings: new Map([
          ['a', '3'],
          ['b', undefined],
          ['c', undefined],
        ]),
      },
    );
    deepEqual(
      new Map((await found(place)).settings),
      new Map([
        ['a', '3'],
        ['\xe9\u20ac', ''],
      ]),
    );
  },

  'the largest number is known when its job is over': async (place) => {
    await record(place, { puts: [jobOf(1), jobOf(9)] }, { dones: [9] }, { dones: [1] });
    equal((await found(place)).lastNumber, 9);
  },

  'whatever a commit has resolved for survives a crash': async (place) => {
    const store = await place.store();
    await store.open();
    for (let number = 1; number <= 20; number++) {
      await accepted(store, { puts: [jobOf(number)], dones: number % 2 === 0 ? [number - 1] : [] });
    }
    await accepted(store, { settings: new Map([['a', '1']]), changes: [{ ...jobOf(2), attempts: 1 }] });
    await place.crash();
    const { jobs, settings, lastNumber } = await found(place);
    deepEqual(
      jobs,
      [2, 4, 6, 8, 10, 12, 14, 16, 18, 20].map((number) => jobOf(number, { attempts: number === 2 ? 1 : 0 })),
    );
    deepEqual([[...settings], lastNumber], [[['a', '1']], 20]);
  },

  'it goes on after crash upon crash': async (place) => {
    for (let number = 1; number <= 5; number++) {
      const store = await place.store();
      const { jobs } = await store.open();
      let count = 0;
      for await (const job of jobs) count += Number(job.number < number);
      equal(count, number - 1);
      await accepted(store, { puts: [jobOf(number)] });
      await place.crash();
    }
    equal((await found(place)).jobs.length, 5);
  },

  'jobs can be read while they live, in the order asked for, with what has changed': async (place) => {
    const store = await place.store();
    await store.open();
    const large = Buffer.alloc(2 * 1024 * 1024, 'y');
    const puts = [
      jobOf(1),
      jobOf(2, { payload: large }),
      jobOf(3),
      jobOf(4, { uniqueId: EVERY_BYTE.slice(0, 64) }),
    ];
    await accepted(store, { puts, dones: [3] });
    const change = { runAtMs: 5, attempts: 2, state: 'waiting', extra: 'why' } as const;
    await accepted(store, { puts: [jobOf(5)], changes: [{ number: 4, ...change }] });
    deepEqual(await read(store, []), []);
    deepEqual(await read(store, [3, 99]), []);
    deepEqual(await read(store, [5, 4, 99, 2, 3, 1]), [
      jobOf(5),
      { ...puts[3], ...change },
      { ...puts[1] },
      jobOf(1),
    ]);
    await store.close();
  },

  'payloads in files become its own, or it says that it takes none': async (place) => {
    const directory = await mkdtemp(join(tmpdir(), 'gearman-store-'));
    try {
      const store = await place.store();
      await store.open();
      if (store.adoptsFiles === true) await adopts(place, store, directory);
      else await store.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  },
  'thousands of jobs can be read at once, also those of an earlier process, and while others are committed':
    async (place) => {
      const payload = Buffer.alloc(1000, 'p');
      const puts = Array.from({ length: 3000 }, (_, i) => jobOf(i + 1, { payload }));
      await record(place, { puts: puts.slice(0, 1500) }, { dones: [7, 8, 9] });
      const store = await place.store();
      await store.open();
      await accepted(store, { puts: puts.slice(1500) });
      const commit = accepted(store, { puts: [jobOf(4000)] });
      const numbers = puts.map(({ number }) => number).reverse();
      const jobs = await read(store, numbers);
      deepEqual(
        jobs.map(({ number }) => number),
        numbers.filter((number) => number < 7 || number > 9),
      );
      deepEqual(jobs[0], puts[2999]);
      deepEqual(jobs.at(-1), puts[0]);
      await commit;
      await store.close();
    },

  'usage counts the jobs that live': async (place) => {
    const store = await place.store();
    await store.open();
    await accepted(store, { puts: [jobOf(1), jobOf(2)] });
    await accepted(store, { dones: [1] });
    const { jobs, full } = store.usage();
    deepEqual([jobs, full], [1, undefined]);
    await store.close();
  },

  'thousands of jobs come and go, and what is left is whole': async (place) => {
    const store = await place.store();
    await store.open();
    for (let number = 1; number <= 5000; number += 100) {
      const numbers = Array.from({ length: 100 }, (_, i) => number + i);
      await accepted(store, { puts: numbers.map((each) => jobOf(each)) });
      await accepted(store, { dones: numbers.filter((each) => each % 1000 !== 0) });
    }
    await place.crash();
    deepEqual(
      (await found(place)).jobs,
      [1000, 2000, 3000, 4000, 5000].map((number) => jobOf(number)),
    );
  },
};

/** What a store does that takes files. */
async function adopts(place: StorePlace, store: JobStore, directory: string): Promise<void> {
  const large = Buffer.alloc(300_000, 'a payload ');
  const sha256 = createHash('sha256').update(large).digest('hex');
  const paths = [1, 2, 3].map((number) => join(directory, String(number)));
  for (const path of paths) await writeFile(path, large);
  const puts = paths.map((path, i) =>
    jobOf(i + 1, {
      payload: Buffer.alloc(0),
      payloadFile: { path, sizeBytes: large.length, sha256: i === 0 ? sha256 : undefined },
    }),
  );
  await accepted(store, { puts, dones: [2] });
  // From now on the files of the server may go.
  for (const path of paths) await rm(path);
  await accepted(store, { dones: [3] });
  ok(large.equals((await store.read([1]))[0]?.payload ?? Buffer.alloc(0)));
  await place.crash();
  deepEqual((await found(place)).jobs, [jobOf(1, { payload: large })]);
  const gone = jobOf(4, {
    payload: Buffer.alloc(0),
    payloadFile: { path: join(directory, 'gone'), sizeBytes: 1, sha256: undefined },
  });
  const again = await place.store();
  await again.open();
  ok((await again.commit(batchOf({ puts: [gone] }))).refused instanceof Error);
  await again.close();
  equal((await found(place)).jobs.length, 1);
}

const FILLING: Readonly<Record<string, Check>> = {
  'without room puts are refused and are not there later; ends are recorded; with room it takes jobs again':
    async (place) => {
      const store = await place.store();
      await store.open();
      await accepted(store, { puts: [jobOf(1), jobOf(2)] });
      const makeRoom = (await place.fill?.()) ?? (() => {});
      const large = Buffer.alloc(512 * 1024, 'z');
      let refused: Error | undefined;
      let last = 2;
      while (refused === undefined) {
        const outcome = await store.commit(
          batchOf({ puts: [jobOf(++last, { payload: large })], dones: last === 3 ? [1] : [] }),
        );
        ({ refused } = outcome);
      }
      ok(refused instanceof Error);
      ok(store.usage().full instanceof Error);
      equal(
        (await store.commit(batchOf({ puts: [jobOf(last + 1, { payload: large })], dones: [2] })))
          .refused instanceof Error,
        true,
      );
      makeRoom();
      // A store may leave a full disk alone for a moment.
      const giveUpAt = performance.now() + 5000;
      for (let number = last + 2; ; number++) {
        const outcome = await store.commit(batchOf({ puts: [jobOf(number)] }));
        if (outcome.refused === undefined) {
          last = number;
          break;
        }
        ok(performance.now() < giveUpAt, 'it takes no jobs though there is room');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await place.crash();
      const numbers = (await found(place)).jobs.map(({ number }) => number);
      ok(!numbers.includes(1) && !numbers.includes(2), 'the ends of jobs were not recorded');
      equal(numbers.at(-1), last);
      ok(!numbers.includes(last - 1), 'a refused job is there');
    },
};
