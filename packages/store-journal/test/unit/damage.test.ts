import { join } from 'node:path';
import { silentLogger } from '@gearman/events';
import type { StoredJob } from '@gearman/server';
import { describe, expect, test } from 'vitest';
import {
  batch,
  contentOf,
  job,
  journalOn,
  leaveLock,
  SEGMENT_BYTES,
  temporaryDirectory,
} from '../support/jobs.ts';
import { diskError, MemoryDisk } from '../support/memory-disk.ts';
import { imageAfterCut, randomFrom } from '../support/power-cut.ts';

const RECORDS_FROM = 1024;
const IMAGES = Number(process.env['GEARMAN_POWER_CUTS'] ?? 60);
const FLIPS = Number(process.env['GEARMAN_BIT_FLIPS'] ?? 60);

/** A journal with forty jobs, closed; and where its records end. */
async function smallStore(
  directory: string,
): Promise<{ disk: MemoryDisk; jobs: StoredJob[]; path: string; end: number }> {
  const disk = new MemoryDisk();
  const journal = journalOn(disk, directory);
  await journal.open();
  const jobs = Array.from({ length: 40 }, (_, i) => job(i + 1, { payload: Buffer.alloc(i * 3, i + 65) }));
  for (const each of jobs) await journal.commit(batch({ puts: [each] }));
  await journal.close();
  const path = [...disk.files.keys()].find((name) => name.includes('segment-')) ?? '';
  const bytes = disk.files.get(path)?.bytes ?? Buffer.alloc(0);
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  return { disk, jobs, path, end };
}

async function reopen(disk: MemoryDisk, directory: string) {
  const journal = journalOn(disk, directory);
  const { jobs } = await contentOf(journal);
  const { report } = journal;
  // Whatever it found, it goes on from there.
  expect(await journal.commit(batch({ puts: [job(9999)] }))).toEqual({ refused: undefined });
  await journal.close();
  return { jobs, report };
}

describe('a damaged journal', () => {
  test('a flipped bit costs at most the record it stands in, is counted, and never alters a job', async () => {
    using directory = temporaryDirectory();
    const { disk, jobs, path, end } = await smallStore(directory.path);
    const bits = end * 8;
    const step = Math.max(1, Math.floor(bits / FLIPS));
    for (let bit = 3; bit < bits; bit += step) {
      const image = disk.copy();
      const bytes = image.files.get(path)?.bytes ?? Buffer.alloc(0);
      const at = bit >> 3;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));

      const { jobs: found, report } = await reopen(image, directory.path);
      const lost = jobs.filter(({ number }) => !found.some((other) => other.number === number));
      expect(found, `bit ${bit}`).toEqual(jobs.filter((each) => !lost.includes(each)));
      expect(lost.length, `bit ${bit}`).toBeLessThanOrEqual(at < RECORDS_FROM ? 0 : 1);
      const isReported = (report?.missingRecords ?? 0) > 0 || report?.wasCutOff === true;
      expect(lost.length === 0 || isReported, `bit ${bit} is reported`).toBe(true);
    }
  }, 600_000);

  test('a cut anywhere leaves exactly the jobs before it', async () => {
    using directory = temporaryDirectory();
    const { disk, jobs, path, end } = await smallStore(directory.path);
    for (let at = RECORDS_FROM; at < end; at += Math.max(1, Math.floor((end - RECORDS_FROM) / 150))) {
      const image = disk.copy();
      image.files.get(path)?.bytes.fill(0, at);
      const { jobs: found } = await reopen(image, directory.path);
      expect(found).toEqual(jobs.slice(0, found.length));
      const size = (each: StoredJob): number => 24 + 36 + 6 + each.uniqueId.length + each.payload.length;
      let whole = 0;
      // A record whose last bytes are zeros anyway may survive the cut.
      for (let from = RECORDS_FROM; whole < jobs.length; whole++) {
        const next = jobs[whole];
        if (next === undefined || from + size(next) > at) break;
        from += (size(next) + 7) & ~7;
      }
      expect(found.length).toBe(whole);
    }
  });

  test('a header whose copies are both gone costs its segment, which is kept aside, and the others go on', async () => {
    using directory = temporaryDirectory();
    const { disk, path } = await smallStore(directory.path);
    disk.files.get(path)?.bytes.fill(0xff, 0, RECORDS_FROM);
    const { jobs, report } = await reopen(disk, directory.path);
    expect(jobs).toEqual([]);
    expect(report).toMatchObject({ damagedSegments: 1 });
    expect([...disk.files.keys()].filter((name) => name.includes('damaged-'))).toHaveLength(1);
  });

  test('is refused with the option strict', async () => {
    using directory = temporaryDirectory();
    const { disk, path } = await smallStore(directory.path);
    const bytes = disk.files.get(path)?.bytes ?? Buffer.alloc(0);
    bytes[RECORDS_FROM + 40] = (bytes[RECORDS_FROM + 40] ?? 0) ^ 1;
    await expect(journalOn(disk, directory.path, { strict: true }).open()).rejects.toMatchObject({
      code: 'ERR_GEARMAN_STORE_UNUSABLE',
    });
    expect(disk.openFiles).toBe(0);
  });

  test('is copied sixteen times at most', async () => {
    using directory = temporaryDirectory();
    const { disk, path } = await smallStore(directory.path);
    const bytes = disk.files.get(path)?.bytes ?? Buffer.alloc(0);
    bytes[RECORDS_FROM + 40] = (bytes[RECORDS_FROM + 40] ?? 0) ^ 1;
    const copies = (): string[] => [...disk.files.keys()].filter((name) => name.includes('damaged-'));
    const copy = join(directory.path, 'damaged-segment-00000000009');
    for (let i = 0; i < 15; i++) disk.add(copy + String.fromCharCode(97 + i), Buffer.alloc(1));
    const image = disk.copy();
    await reopen(disk, directory.path);
    expect(copies()).toHaveLength(16);

    image.add(`${copy}z`, Buffer.alloc(1));
    const messages: string[] = [];
    const error = (_fields: object, message: string): void => void messages.push(message);
    const journal = journalOn(image, directory.path, { logger: { ...silentLogger, error } });
    expect((await contentOf(journal)).jobs).toHaveLength(39);
    await journal.close();
    expect([...image.files.keys()].filter((name) => name.includes('damaged-'))).toHaveLength(16);
    expect(messages).toEqual([expect.stringContaining('there is no copy, as there are many')]);
  });

  test('leaves no file open when the copy of it cannot be written', async () => {
    using directory = temporaryDirectory();
    const { disk, path } = await smallStore(directory.path);
    const bytes = disk.files.get(path)?.bytes ?? Buffer.alloc(0);
    bytes[RECORDS_FROM + 40] = (bytes[RECORDS_FROM + 40] ?? 0) ^ 1;
    disk.fault = (operation, where) => {
      if (operation === 'write' && where.includes('damaged-')) throw diskError('ENOSPC');
    };
    const { jobs } = await reopen(disk, directory.path);
    expect(jobs).toHaveLength(39);
    expect(disk.openFiles).toBe(0);
  });

  test('of a later version is refused with both versions named', async () => {
    using directory = temporaryDirectory();
    const { disk, path } = await smallStore(directory.path);
    const { crc32 } = await import('node:zlib');
    const bytes = disk.files.get(path)?.bytes ?? Buffer.alloc(0);
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 44)), 44);
    await expect(journalOn(disk, directory.path).open()).rejects.toMatchObject({
      code: 'ERR_GEARMAN_STORE_VERSION',
      message: expect.stringMatching(/format 2, .* up to 1/),
    });
    expect(disk.openFiles).toBe(0);
  });
});

test(`what was acknowledged survives ${IMAGES} power cuts`, async () => {
  using directory = temporaryDirectory();
  const random = randomFrom(20_260_101);
  const disk = new MemoryDisk();
  const journal = journalOn(disk, directory.path, { largePayloadBytes: 3000 });
  await journal.open();
  const live = new Map<number, StoredJob>();
  /** After how many operations of the disk what was true. */
  const promises: {
    readonly operations: number;
    readonly live: Map<number, StoredJob>;
    readonly ended: Set<number>;
  }[] = [];
  const ended = new Set<number>();
  let number = 0;
  for (let turn = 0; turn < 220; turn++) {
    const puts = Array.from({ length: Math.floor(random() * 6) }, () => {
      const payload = Buffer.alloc(Math.floor(random() ** 3 * 4000), turn);
      return job(++number, { payload });
    });
    const dones = [...live.keys()].filter(() => random() < 0.3);
    await journal.commit(batch({ puts, dones }));
    for (const put of puts) live.set(put.number, put);
    for (const done of dones) {
      live.delete(done);
      ended.add(done);
    }
    promises.push({ operations: disk.operations.length, live: new Map(live), ended: new Set(ended) });
  }
  await journal.close();

  for (let i = 0; i < IMAGES; i++) {
    const cut = Math.floor(random() * disk.operations.length);
    const image = imageAfterCut(disk.operations, cut, random);
    const promised = promises.findLast(({ operations }) => operations <= cut);
    const next = promises.find(({ operations }) => operations > cut);
    leaveLock(directory.path);
    const again = journalOn(image, directory.path, { largePayloadBytes: 3000 });
    const { jobs } = await contentOf(again);
    await again.close();
    const found = new Map(jobs.map((each) => [each.number, each]));
    for (const [id, promisedJob] of promised?.live ?? []) {
      // It may have ended in the commit that was under way.
      if (next?.ended.has(id) !== true || found.has(id))
        expect(found.get(id), `cut ${cut}, job ${id}`).toEqual(promisedJob);
    }
    for (const id of promised?.ended ?? []) expect(found.has(id), `cut ${cut}, ended job ${id}`).toBe(false);
  }
}, 600_000);

test('the segment size is what the disk pays for', async () => {
  using directory = temporaryDirectory();
  const { disk } = await smallStore(directory.path);
  expect(disk.usedBytes % SEGMENT_BYTES).toBe(0);
});
