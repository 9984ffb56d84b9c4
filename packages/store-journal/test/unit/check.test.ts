import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { checkJournal, createJournal, type JournalCheck } from '../../src/index.ts';
import {
  batch,
  contentOf,
  job,
  journalOn,
  leaveLock,
  SEGMENT_BYTES,
  temporaryDirectory,
} from '../support/jobs.ts';
import { MemoryDisk } from '../support/memory-disk.ts';

const RECORDS_FROM = 1024;

interface Place {
  readonly disk: MemoryDisk;
  readonly directory: string;
}

/** A journal with forty jobs, of which ten are done, and a setting. */
async function smallStore(directory: string): Promise<Place> {
  const disk = new MemoryDisk();
  const journal = journalOn(disk, directory);
  await journal.open();
  for (let number = 1; number <= 40; number++) await journal.commit(batch({ puts: [job(number)] }));
  const dones = Array.from({ length: 10 }, (_, i) => i + 1);
  await journal.commit(batch({ dones, settings: new Map([['maxqueue:resize', '5 5 5']]) }));
  await journal.close();
  return { disk, directory };
}

function segmentOf({ disk }: Place): { readonly path: string; readonly bytes: Buffer } {
  const path = [...disk.files.keys()].find((name) => name.includes('segment-')) ?? '';
  return { path, bytes: disk.files.get(path)?.bytes ?? Buffer.alloc(0) };
}

/** Checks, and makes sure that this alone changes nothing. */
async function check({ disk, directory }: Place): Promise<JournalCheck> {
  const before = disk.operations.length;
  const lock = readdirSync(directory);
  const found = await checkJournal({ directory, disk });
  expect(disk.operations.length).toBe(before);
  expect(disk.openFiles).toBe(0);
  expect(readdirSync(directory)).toEqual(lock);
  return found;
}

describe('a journal that is checked', () => {
  test('is described, when it is clean', async () => {
    using folder = temporaryDirectory();
    const place = await smallStore(folder.path);
    expect(await check(place)).toMatchObject({
      directory: folder.path,
      segments: 1,
      payloadFiles: 0,
      damagedCopies: [],
      bytes: place.disk.usedBytes,
      jobs: 30,
      lastNumber: 40,
      settings: new Map([['maxqueue:resize', '5 5 5']]),
      wasClosed: true,
      isClean: true,
      report: { records: 51, missingRecords: 0, damage: [] },
    });
  });

  test('says where a bit has flipped and what that costs; opening it finds the same', async () => {
    using folder = temporaryDirectory();
    const place = await smallStore(folder.path);
    const { path, bytes } = segmentOf(place);
    const at = bytes.indexOf('payload of 23');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const { isClean, jobs, report } = await check(place);
    expect({ isClean, jobs }).toEqual({ isClean: false, jobs: 29 });
    expect(report.damage).toEqual([
      { kind: 'damaged', path, atBytes: expect.any(Number), sizeBytes: 88, missingRecords: 1 },
    ]);
    const [damage] = report.damage;
    expect(at - (damage?.atBytes ?? 0)).toBeLessThan(88);
    const journal = journalOn(place.disk, place.directory);
    expect((await contentOf(journal)).jobs).toHaveLength(29);
    await journal.close();
    expect(journal.report).toEqual(report);
  });

  test('with its last write cut off is clean after a crash, and damaged after an orderly end', async () => {
    using folder = temporaryDirectory();
    const place = await smallStore(folder.path);
    const { path, bytes } = segmentOf(place);
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    bytes.fill(0, end - 10);
    const cutOff = { kind: 'cut-off', path, missingRecords: 0 };
    expect(await check(place)).toMatchObject({
      isClean: false,
      wasClosed: true,
      report: { wasCutOff: true, damage: [cutOff] },
    });
    leaveLock(folder.path);
    expect(await check(place)).toMatchObject({
      isClean: true,
      wasClosed: false,
      report: { wasCutOff: true },
    });
  });

  test('that is truncated says so, without a place for what left no trace', async () => {
    using folder = temporaryDirectory();
    const place = await smallStore(folder.path);
    const { path, bytes } = segmentOf(place);
    place.disk.add(path, bytes.subarray(0, RECORDS_FROM + 50));
    expect(await check(place)).toMatchObject({ isClean: false, jobs: 0, report: { wasCutOff: true } });
  });

  test('whose file has no header any more says which', async () => {
    using folder = temporaryDirectory();
    const place = await smallStore(folder.path);
    const { path, bytes } = segmentOf(place);
    bytes.fill(0xff, 0, RECORDS_FROM);
    expect(await check(place)).toMatchObject({
      isClean: false,
      jobs: 0,
      report: { damagedSegments: 1, damage: [{ kind: 'header', path, sizeBytes: SEGMENT_BYTES }] },
    });
  });

  test('notices that a file in the middle is gone', async () => {
    using folder = temporaryDirectory();
    const disk = new MemoryDisk();
    const journal = journalOn(disk, folder.path);
    await journal.open();
    const payload = Buffer.alloc(900);
    for (let number = 1; number <= 200; number++) {
      await journal.commit(batch({ puts: [job(number, { payload })] }));
    }
    await journal.close();
    const [, second] = [...disk.files.keys()].filter((name) => name.includes('segment-')).sort();
    disk.files.delete(second ?? '');
    const { isClean, jobs, report } = await check({ disk, directory: folder.path });
    expect(isClean).toBe(false);
    expect(jobs + report.missingRecords).toBe(200);
    expect(report.damage).toEqual([expect.objectContaining({ kind: 'gap', missingRecords: 200 - jobs })]);
  });

  test('holds a bounded list of places, however many there are', async () => {
    using folder = temporaryDirectory();
    const disk = new MemoryDisk();
    const journal = journalOn(disk, folder.path);
    await journal.open();
    for (let number = 1; number <= 400; number++) await journal.commit(batch({ puts: [job(number)] }));
    await journal.close();
    const { bytes } = segmentOf({ disk, directory: folder.path });
    for (let number = 101; number < 400; number += 2)
      bytes.write('PAYLOAD', bytes.indexOf(`payload of ${number}`));
    const { report } = await check({ disk, directory: folder.path });
    expect(report.missingRecords).toBe(150);
    expect(report.damage).toHaveLength(100);
  });

  test('of a later version is refused', async () => {
    using folder = temporaryDirectory();
    const place = await smallStore(folder.path);
    const { bytes } = segmentOf(place);
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 44)), 44);
    await expect(check(place)).rejects.toMatchObject({ code: 'ERR_GEARMAN_STORE_VERSION' });
    expect(place.disk.openFiles).toBe(0);
  });

  test('is none when the directory is empty, holds something else, or is not there', async () => {
    using folder = temporaryDirectory();
    const { path: directory } = folder;
    const disk = new MemoryDisk();
    const refusal = (message: string) => ({
      code: 'ERR_GEARMAN_STORE_UNUSABLE',
      message: expect.stringContaining(message),
    });
    await expect(check({ disk, directory })).rejects.toMatchObject(refusal('holds no journal'));
    disk.add(`${directory}/holiday.jpg`, Buffer.from('sea'));
    await expect(check({ disk, directory })).rejects.toMatchObject(refusal('holiday.jpg'));
    await expect(checkJournal({ directory: join(directory, 'x') })).rejects.toMatchObject(refusal('ENOENT'));
  });

  test('is left alone while a process uses it', async () => {
    using folder = temporaryDirectory();
    const place = await smallStore(folder.path);
    const journal = journalOn(place.disk, place.directory);
    await journal.open();
    await expect(check(place)).rejects.toMatchObject({ code: 'ERR_GEARMAN_STORE_LOCKED' });
    await journal.close();
  });

  test('that a process begins to use meanwhile is refused, whatever was found', async () => {
    using folder = temporaryDirectory();
    const place = await smallStore(folder.path);
    const journal = journalOn(place.disk, place.directory);
    const { disk } = place;
    const slow = Object.assign(disk.copy(), {
      async list(directory: string): Promise<string[]> {
        await journal.open();
        return disk.list(directory);
      },
    });
    await expect(checkJournal({ directory: folder.path, disk: slow })).rejects.toMatchObject({
      code: 'ERR_GEARMAN_STORE_LOCKED',
    });
    await journal.close();
  });

  test('needs no right to write', async () => {
    using folder = temporaryDirectory();
    const options = { directory: folder.path, segmentBytes: SEGMENT_BYTES };
    const journal = createJournal(options);
    await journal.open();
    await journal.commit(batch({ puts: [job(1)] }));
    await journal.close();
    const name = readdirSync(folder.path).find((each) => each.startsWith('segment-')) ?? '';
    const before = readFileSync(join(folder.path, name));
    expect(await checkJournal(options)).toMatchObject({ jobs: 1, isClean: true });
    expect(readFileSync(join(folder.path, name)).equals(before)).toBe(true);
  });
});

describe('a large payload whose file is gone', () => {
  test('costs its job and no other, is reported, and is found by a check', async () => {
    using folder = temporaryDirectory();
    const disk = new MemoryDisk();
    const options = { largePayloadBytes: 1000 };
    const journal = journalOn(disk, folder.path, options);
    await journal.open();
    const payload = Buffer.alloc(2000, 'x');
    await journal.commit(batch({ puts: [job(1, { payload }), job(2, { payload }), job(3)] }));
    await journal.close();
    disk.files.delete(join(folder.path, 'payloads/2'));
    const damage = [{ kind: 'payload', path: join(folder.path, 'payloads/2') }];
    expect(await check({ disk, directory: folder.path })).toMatchObject({
      isClean: false,
      jobs: 2,
      payloadFiles: 1,
      report: { missingPayloads: 1, damage },
    });
    const strict = journalOn(disk, folder.path, { ...options, strict: true });
    await expect(strict.open()).rejects.toMatchObject({ code: 'ERR_GEARMAN_STORE_UNUSABLE' });
    const again = journalOn(disk, folder.path, options);
    expect((await contentOf(again)).jobs).toEqual([job(1, { payload }), job(3)]);
    expect(again.report).toMatchObject({ missingPayloads: 1, damage });
    await again.close();
  });
});

describe('a large payload whose file is not what was written', () => {
  const options = { largePayloadBytes: 1000 };
  const payload = Buffer.alloc(2000, 'x');

  async function storeWith(directory: string, harm: (bytes: Buffer) => Buffer): Promise<Place> {
    const disk = new MemoryDisk();
    const journal = journalOn(disk, directory, options);
    await journal.open();
    await journal.commit(batch({ puts: [job(1, { payload }), job(2, { payload }), job(3)] }));
    // From here on its records are copies.
    await journal.compact();
    await journal.close();
    const path = join(directory, 'payloads/2');
    disk.add(path, harm(disk.files.get(path)?.bytes ?? Buffer.alloc(0)));
    return { disk, directory };
  }

  const flipped = (bytes: Buffer): Buffer => {
    bytes[1234] = (bytes[1234] ?? 0) ^ 1;
    return bytes;
  };

  test.each([
    ['a flipped bit', flipped],
    ['a truncation', (bytes: Buffer) => bytes.subarray(0, 1999)],
    ['an extension', (bytes: Buffer) => Buffer.concat([bytes, payload])],
  ])('is found by a check: %s', async (_, harm) => {
    using folder = temporaryDirectory();
    const place = await storeWith(folder.path, harm);
    expect(await check(place)).toMatchObject({
      isClean: false,
      jobs: 2,
      report: {
        missingPayloads: 1,
        damage: [{ kind: 'altered-payload', path: join(folder.path, 'payloads/2') }],
      },
    });
  });

  test('is never given back as whole: its job is left out and counted, the others go on', async () => {
    using folder = temporaryDirectory();
    const { disk } = await storeWith(folder.path, flipped);
    const journal = journalOn(disk, folder.path, options);
    const { jobs } = await journal.open();
    expect(journal.report?.missingPayloads).toBe(0);
    expect(await journal.read([2, 1])).toEqual([job(1, { payload })]);
    const found = [];
    for await (const each of jobs) found.push(each.number);
    expect(found).toEqual([1, 3]);
    expect(journal.report?.missingPayloads).toBe(1);
    await journal.close();
    expect(disk.openFiles).toBe(0);
  });

  test('of another size costs its job when the journal is opened, or is refused with the option strict', async () => {
    using folder = temporaryDirectory();
    const { disk } = await storeWith(folder.path, (bytes) => bytes.subarray(1));
    const strict = journalOn(disk, folder.path, { ...options, strict: true });
    await expect(strict.open()).rejects.toMatchObject({ code: 'ERR_GEARMAN_STORE_UNUSABLE' });
    const journal = journalOn(disk, folder.path, options);
    const { jobs } = await journal.open({ payloadFiles: true });
    const found = [];
    for await (const { number, payloadFile } of jobs) found.push([number, payloadFile?.crc32]);
    expect(found).toEqual([
      [1, crc32(payload)],
      [3, undefined],
    ]);
    expect(journal.report?.missingPayloads).toBe(1);
    await journal.close();
  });
});

test('a journal that must exist is not begun', async () => {
  using folder = temporaryDirectory();
  const options = { directory: join(folder.path, 'x'), segmentBytes: SEGMENT_BYTES, mustExist: true };
  await expect(createJournal(options).open()).rejects.toMatchObject({ code: 'ERR_GEARMAN_STORE_UNUSABLE' });
  expect(readdirSync(folder.path)).toEqual([]);
  mkdirSync(options.directory);
  await expect(createJournal(options).open()).rejects.toThrow('holds no journal');
  expect(readdirSync(options.directory)).toEqual([]);
});
