import { FakeClock, turn } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { createJournal } from '../../src/index.ts';
import { batch, contentOf, job, journalOn, SEGMENT_BYTES, temporaryDirectory } from '../support/jobs.ts';
import { diskError, MemoryDisk } from '../support/memory-disk.ts';

describe('a journal on the real disk', () => {
  test('gives back what was put and not done, with every field, in the order of the numbers', async () => {
    using directory = temporaryDirectory();
    const options = { directory: directory.path, segmentBytes: SEGMENT_BYTES };
    const whole = job(7, {
      functionName: 'caf\u00e9',
      uniqueId: '',
      payload: Buffer.from([0, 1, 255]),
      priority: 2,
      runAtMs: 1_700_000_000_123,
      attempts: 3,
      state: 'dead',
      reducer: 'sum',
      extra: '{"why":"\u20ac"}',
    });
    const journal = createJournal(options);
    await journal.open();
    await journal.commit(batch({ puts: [job(1), job(2, { payload: Buffer.alloc(0) }), whole] }));
    await journal.commit(batch({ dones: [1], settings: new Map([['maxqueue:resize', '5']]) }));
    expect(journal.usage()).toMatchObject({ jobs: 2, full: undefined });
    await journal.close();

    const again = createJournal(options);
    expect(await contentOf(again)).toEqual({
      jobs: [job(2, { payload: Buffer.alloc(0) }), whole],
      settings: new Map([['maxqueue:resize', '5']]),
      lastNumber: 7,
    });
    expect(await again.read([7, 1])).toEqual([whole]);
    expect(again.report).toMatchObject({
      records: 5,
      missingRecords: 0,
      damagedSegments: 0,
      wasCutOff: false,
    });
    await again.close();
  });

  test('keeps large payloads in files of their own, and removes them with their jobs', async () => {
    using directory = temporaryDirectory();
    const options = { directory: directory.path, segmentBytes: SEGMENT_BYTES, largePayloadBytes: 1000 };
    const payload = Buffer.alloc(200_000, 'x');
    const journal = createJournal(options);
    await journal.open();
    await journal.commit(batch({ puts: [job(1, { payload }), job(2, { payload })] }));
    await journal.commit(batch({ dones: [1] }));
    await journal.compact();
    await journal.close();

    const again = createJournal(options);
    const { jobs } = await contentOf(again);
    expect(jobs).toEqual([job(2, { payload })]);
    expect(await again.read([2])).toEqual([job(2, { payload })]);
    await again.close();
  });

  test('belongs to one process at a time', async () => {
    using directory = temporaryDirectory();
    const first = createJournal({ directory: directory.path, segmentBytes: SEGMENT_BYTES });
    await first.open();
    const second = createJournal({ directory: directory.path, segmentBytes: SEGMENT_BYTES });
    await expect(second.open()).rejects.toMatchObject({
      code: 'ERR_GEARMAN_STORE_LOCKED',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    await first.close();
    await second.open();
    await second.close();
  });
});

describe('a journal', () => {
  test('refuses a directory that holds something else, and says what', async () => {
    using directory = temporaryDirectory();
    const disk = new MemoryDisk();
    disk.add(`${directory.path}/holiday.jpg`, Buffer.from('sea'));
    await expect(journalOn(disk, directory.path).open()).rejects.toMatchObject({
      code: 'ERR_GEARMAN_STORE_UNUSABLE',
      message: expect.stringContaining('holiday.jpg'),
    });
    expect(disk.openFiles).toBe(0);
  });

  test('remembers the largest number although its job and its segment are gone', async () => {
    using directory = temporaryDirectory();
    const disk = new MemoryDisk();
    const journal = journalOn(disk, directory.path);
    await journal.open();
    for (let number = 1; number <= 3000; number++) {
      await journal.commit(batch({ puts: [job(number, { payload: Buffer.alloc(200) })] }));
      await journal.commit(batch({ dones: [number] }));
    }
    await journal.compact();
    await journal.close();
    expect((await contentOf(journalOn(disk, directory.path))).lastNumber).toBe(3000);
  });

  test('stays small when jobs come and go, also when one of them stays', async () => {
    using directory = temporaryDirectory();
    const disk = new MemoryDisk();
    const journal = journalOn(disk, directory.path);
    await journal.open();
    await journal.commit(batch({ puts: [job(1)], settings: new Map([['paused:resize', 'true']]) }));
    await journal.commit(
      batch({ changes: [{ number: 1, attempts: 4, runAtMs: 99, state: 'waiting', extra: 'x' }] }),
    );
    for (let number = 2; number <= 20_000; number += 100) {
      const numbers = Array.from({ length: 100 }, (_, i) => number + i);
      await journal.commit(batch({ puts: numbers.map((each) => job(each)) }));
      await journal.commit(batch({ dones: numbers }));
    }
    await journal.compact();
    expect(journal.usage()).toMatchObject({ jobs: 1 });
    expect(disk.usedBytes).toBeLessThanOrEqual(8 * SEGMENT_BYTES);
    await journal.close();
    expect(disk.openFiles).toBe(0);

    const { jobs, settings } = await contentOf(journalOn(disk, directory.path));
    expect(jobs).toEqual([job(1, { attempts: 4, runAtMs: 99, extra: 'x' })]);
    expect(settings).toEqual(new Map([['paused:resize', 'true']]));
  });

  test('refuses puts on a full disk, goes on recording what is over, starts there, and accepts again', async () => {
    using directory = temporaryDirectory();
    const disk = new MemoryDisk();
    disk.capacityBytes = 6 * SEGMENT_BYTES;
    const journal = journalOn(disk, directory.path);
    await journal.open();
    let accepted = 0;
    for (let number = 1; ; number++) {
      const outcome = await journal.commit(batch({ puts: [job(number, { payload: Buffer.alloc(900) })] }));
      if (outcome.refused !== undefined) {
        expect(outcome.refused).toMatchObject({ code: 'ERR_GEARMAN_STORE_FULL' });
        break;
      }
      accepted = number;
    }
    expect(accepted).toBeGreaterThan(200);
    await journal.close();

    const again = journalOn(disk, directory.path);
    expect((await contentOf(again)).jobs.length).toBe(accepted);
    const numbers = Array.from({ length: accepted }, (_, i) => i + 1);
    expect(await again.commit(batch({ dones: numbers }))).toEqual({ refused: undefined });
    await again.compact();
    expect(await again.commit(batch({ puts: [job(5000)] }))).toEqual({ refused: undefined });
    await again.close();
    expect((await contentOf(journalOn(disk, directory.path))).jobs).toEqual([job(5000)]);
  });

  test('frees a full disk by itself, though a setting and a job stay', async () => {
    using directory = temporaryDirectory();
    const clock = new FakeClock();
    const disk = new MemoryDisk();
    disk.capacityBytes = 3.5 * SEGMENT_BYTES;
    const journal = journalOn(disk, directory.path, { clock });
    await journal.open();
    await journal.commit(batch({ puts: [job(1)], settings: new Map([['handle-prefix', 'H:x']]) }));
    let number = 1;
    while (journal.usage().full === undefined) {
      await journal.commit(batch({ puts: [job(++number, { payload: Buffer.alloc(900) })] }));
    }
    await journal.commit(batch({ dones: Array.from({ length: number - 1 }, (_, i) => i + 2) }));
    clock.advance(1000);
    await journal.commit(batch({ puts: [job(++number)] }));
    for (let i = 0; i < 10; i++) {
      clock.advance(1000);
      await turn();
      expect(await journal.commit(batch({ puts: [job(++number)], dones: [number] }))).toEqual(
        i === 0 ? expect.anything() : { refused: undefined },
      );
    }
    await journal.close();
    const { jobs, settings } = await contentOf(journalOn(disk, directory.path));
    expect(jobs[0]).toEqual(job(1));
    expect(settings).toEqual(new Map([['handle-prefix', 'H:x']]));
  });

  test.each(['write', 'sync'] as const)(
    'goes to another segment when a %s fails, and loses nothing',
    async (broken) => {
      using directory = temporaryDirectory();
      const disk = new MemoryDisk();
      const journal = journalOn(disk, directory.path);
      await journal.open();
      await journal.commit(batch({ puts: [job(1)] }));
      disk.fault = (operation, path) => {
        if (operation === broken && path.includes('segment')) throw diskError('EIO');
      };
      // The new segment is opened as a spare file, so only the old one fails.
      expect(await journal.commit(batch({ puts: [job(2)], dones: [1] }))).toEqual({ refused: undefined });
      disk.fault = () => {};
      await journal.close();
      expect((await contentOf(journalOn(disk, directory.path))).jobs).toEqual([job(2)]);
    },
  );

  test('refuses puts while every write fails, and no refused put is there after a restart', async () => {
    using directory = temporaryDirectory();
    const disk = new MemoryDisk();
    const journal = journalOn(disk, directory.path);
    await journal.open();
    await journal.commit(batch({ puts: [job(1)] }));
    disk.fault = (operation) => {
      if (operation === 'sync') throw diskError('EIO');
    };
    const outcome = await journal.commit(batch({ puts: [job(2)], dones: [1] }));
    expect(outcome.refused).toMatchObject({ code: 'ERR_GEARMAN_STORE_FULL' });
    disk.fault = () => {};
    expect(await journal.commit(batch({ puts: [job(3)] }))).toEqual({ refused: undefined });
    await journal.close();
    expect((await contentOf(journalOn(disk, directory.path))).jobs).toEqual([job(3)]);
  });

  test('compaction between a failed commit and the next one forgets nothing that is still to be recorded', async () => {
    using directory = temporaryDirectory();
    const disk = new MemoryDisk();
    const journal = journalOn(disk, directory.path);
    await journal.open();
    await journal.commit(batch({ puts: [job(1), job(2)] }));
    // Into another segment, so that there is one to compact.
    const filling = Array.from({ length: 80 }, (_, i) => job(100 + i, { payload: Buffer.alloc(900) }));
    await journal.commit(batch({ puts: filling }));
    await journal.commit(batch({ dones: filling.map(({ number }) => number) }));
    disk.fault = (operation) => {
      if (operation === 'sync') throw diskError('EIO');
    };
    const outcome = await journal.commit(batch({ puts: [job(200)], dones: [1] }));
    expect(outcome.refused).toMatchObject({ code: 'ERR_GEARMAN_STORE_FULL' });
    disk.fault = () => {};
    await journal.compact();
    await journal.commit(batch({ puts: [job(201)] }));
    await journal.close();
    expect((await contentOf(journalOn(disk, directory.path))).jobs).toEqual([job(2), job(201)]);
  });
});

test('a job whose first put the disk refused is kept when it is put again, with the ends that are owed since', async () => {
  using directory = temporaryDirectory();
  const clock = new FakeClock();
  const disk = new MemoryDisk();
  const journal = journalOn(disk, directory.path, { clock });
  await journal.open();
  await journal.commit(batch({ puts: [job(1)] }));
  disk.fault = (operation) => {
    if (operation === 'write') throw diskError('EIO');
  };
  const { refused } = await journal.commit(batch({ puts: [job(2), job(3)], dones: [1] }));
  expect(refused).toMatchObject({ code: 'ERR_GEARMAN_STORE_FULL' });
  disk.fault = () => {};
  clock.advance(1000);
  expect(await journal.commit(batch({ puts: [job(2), job(4)] }))).toEqual({ refused: undefined });
  expect(journal.usage().jobs).toBe(2);
  await journal.close();
  const again = journalOn(disk, directory.path);
  expect((await contentOf(again)).jobs).toEqual([job(2), job(4)]);
  await again.close();
});

test('a journal that is closed while it makes files ahead makes no more of them, and leaves none open', async () => {
  using directory = temporaryDirectory();
  const disk = new MemoryDisk();
  const journal = journalOn(disk, directory.path);
  await journal.open();
  disk.delay = turn;
  await journal.close();
  const { size } = disk.files;
  for (let i = 0; i < 20; i++) await turn();
  expect({ openFiles: disk.openFiles, files: disk.files.size }).toEqual({ openFiles: 0, files: size });
  await journal.open();
  expect(await journal.commit(batch({ puts: [job(1)] }))).toEqual({ refused: undefined });
  await journal.close();
});
