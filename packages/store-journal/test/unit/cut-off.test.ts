import { describe, expect, test } from 'vitest';
import { batch, contentOf, job, journalOn, leaveLock, temporaryDirectory } from '../support/jobs.ts';
import { MemoryDisk } from '../support/memory-disk.ts';

const EARLIER = Array.from({ length: 5 }, (_, i) => job(i + 1));
const LATER = 99;
const LAST = Array.from({ length: 10 }, (_, i) => job(i + 6));

/** A journal that wrote five jobs one after the other and ten at once; of some the disk has nothing. */
async function diskWithout(directory: string, ...lost: number[]): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const journal = journalOn(disk, directory);
  await journal.open();
  for (const each of EARLIER) await journal.commit(batch({ puts: [each] }));
  await journal.commit(batch({ puts: LAST }));
  await journal.close();
  const bytes = segmentOf(disk);
  const sizeBytes = bytes.indexOf('payload of 3') - bytes.indexOf('payload of 2');
  for (const number of lost) {
    const at = bytes.indexOf(`resizeid-${number}`) - 60;
    bytes.fill(0, at, at + sizeBytes);
  }
  return disk;
}

function segmentOf(disk: MemoryDisk): Buffer {
  const path = [...disk.files.keys()].find((name) => name.includes('segment-')) ?? '';
  return disk.files.get(path)?.bytes ?? Buffer.alloc(0);
}

const copiesOn = (disk: MemoryDisk): string[] =>
  [...disk.files.keys()].filter((name) => name.includes('damaged-'));

const numbersBut = (...lost: number[]): number[] =>
  [...EARLIER, ...LAST].map(({ number }) => number).filter((number) => !lost.includes(number));

async function open(disk: MemoryDisk, directory: string, strict = false) {
  const journal = journalOn(disk, directory, { strict });
  const { jobs } = await contentOf(journal);
  await journal.commit(batch({ puts: [job(LATER)] }));
  await journal.close();
  return { numbers: jobs.map(({ number }) => number), report: journal.report };
}

describe('the last write of a journal that was not closed', () => {
  test('may miss any part without being damage: the rest counts, no copy is kept, and the next start finds all well', async () => {
    using directory = temporaryDirectory();
    const disk = await diskWithout(directory.path, 6, 7, 11, 15);
    leaveLock(directory.path);
    const { numbers, report } = await open(disk, directory.path, true);
    expect(numbers).toEqual(numbersBut(6, 7, 11, 15));
    expect(report).toMatchObject({ records: 11, missingRecords: 0, damagedSegments: 0, wasCutOff: true });
    expect(report?.damage.map(({ kind }) => kind)).toEqual(['cut-off', 'cut-off']);
    leaveLock(directory.path);
    const again = await open(disk, directory.path, true);
    expect(again.numbers).toEqual([...numbersBut(6, 7, 11, 15), LATER]);
    expect(again.report).toMatchObject({ missingRecords: 0, wasCutOff: false, damage: [] });
    expect(copiesOn(disk)).toEqual([]);
  });

  test('is damage when something is missing before it', async () => {
    using directory = temporaryDirectory();
    const disk = await diskWithout(directory.path, 3, 11);
    leaveLock(directory.path);
    const { numbers, report } = await open(disk, directory.path);
    expect(numbers).toEqual(numbersBut(3, 11));
    expect(report).toMatchObject({ missingRecords: 1, damagedSegments: 1, wasCutOff: true });
    expect(copiesOn(disk)).toHaveLength(1);
  });

  test('is damage in one that was closed: all of it was on the disk', async () => {
    using directory = temporaryDirectory();
    const disk = await diskWithout(directory.path, 11);
    const { numbers, report } = await open(disk, directory.path);
    expect(numbers).toEqual(numbersBut(11));
    expect(report).toMatchObject({ missingRecords: 1, damagedSegments: 1, wasCutOff: false });
    expect(copiesOn(disk)).toHaveLength(1);
  });
});
