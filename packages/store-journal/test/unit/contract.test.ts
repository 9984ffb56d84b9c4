import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { JobStore } from '@gearman/server';
import { type StorePlace, storeContract } from '@gearman/server/store-contract';
import { describe, test } from 'vitest';
import { createJournal, type Journal } from '../../src/index.ts';
import { journalOn, SEGMENT_BYTES, temporaryDirectory } from '../support/jobs.ts';
import { MemoryDisk } from '../support/memory-disk.ts';

/** On the real disk. After a crash a copy of the directory is gone on with, without the lock of the one that crashed. */
function placeOnDisk(segmentBytes: number): StorePlace {
  const root = temporaryDirectory();
  const opened: Journal[] = [];
  let generation = 0;
  const directory = (): string => join(root.path, String(generation));
  return {
    store() {
      const journal = createJournal({ directory: directory(), segmentBytes });
      opened.push(journal);
      return journal;
    },
    crash() {
      const before = directory();
      generation++;
      cpSync(before, directory(), { recursive: true });
      rmSync(join(directory(), 'lock'));
    },
    async remove() {
      for (const journal of opened) await journal.close();
      root[Symbol.dispose]();
    },
  };
}

/** On a disk in memory that can be full. */
function placeInMemory(): StorePlace {
  const root = temporaryDirectory();
  const opened: JobStore[] = [];
  let disk = new MemoryDisk();
  return {
    store() {
      const journal = journalOn(disk, root.path);
      opened.push(journal);
      return journal;
    },
    async crash() {
      const copy = disk.copy();
      for (const journal of opened) await journal.close();
      disk = copy;
    },
    fill() {
      disk.capacityBytes = disk.usedBytes + 4 * SEGMENT_BYTES;
      return () => {
        disk.capacityBytes = Number.POSITIVE_INFINITY;
      };
    },
    async remove() {
      for (const journal of opened) await journal.close();
      root[Symbol.dispose]();
    },
  };
}

describe('the journal on the real disk', () => {
  for (const { name, run } of storeContract(() => placeOnDisk(0x10_0000))) test(name, run);
});

describe('the journal on a small disk, in small files', () => {
  for (const { name, run } of storeContract(placeInMemory, { fill: true })) test(name, run);
});
