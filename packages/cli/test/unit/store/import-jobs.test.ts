import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobStore, StoreBatch, StoredJob } from '@gearman/server';
import { createJournal } from '@gearman/store-journal';
import { describe, expect, test } from 'vitest';
import { type ImportResult, importJobs } from '../../../src/store/import-jobs.ts';
import { writeEnd, writeHead, writeJob, writeSetting } from '../../../src/store/job-lines.ts';
import { openLineFile } from '../../../src/store/line-file.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const PROGRESS = 'import';

function job(number: number, changes: Partial<StoredJob> = {}): StoredJob {
  return {
    number,
    functionName: 'mail',
    uniqueId: '',
    payload: Buffer.from(`payload of ${number}`),
    priority: 1,
    runAtMs: 0,
    attempts: 0,
    state: 'waiting',
    reducer: undefined,
    extra: '',
    ...changes,
  };
}

const jobs = (count: number, first = 1): StoredJob[] =>
  Array.from({ length: count }, (_, i) => job(first + i));

/** A store in a folder, and a file of jobs beside it. */
class Place {
  readonly folder = temporaryFolder();
  readonly directory = join(this.folder, 'jobs');

  open = (): Promise<JobStore> =>
    Promise.resolve(createJournal({ directory: this.directory, segmentBytes: 0x1_0000 }));

  file(
    content: readonly StoredJob[],
    settings: Readonly<Record<string, string>> = {},
    name = 'jobs.jsonl',
  ): string {
    const path = join(this.folder, name);
    const head = {
      from: 'test',
      exportedAt: '',
      lastNumber: content.at(-1)?.number ?? 0,
    };
    const lines = Object.entries(settings).map(([key, value]) => writeSetting(key, value));
    writeFileSync(path, [writeHead(head), ...lines, ...content.map(writeJob), writeEnd()].join(''));
    return path;
  }

  async import(
    path: string,
    options: {
      readonly skipBad?: boolean;
      readonly force?: boolean;
      readonly open?: () => Promise<JobStore>;
    } = {},
  ): Promise<ImportResult> {
    const { skipBad = false, force = false, open = this.open } = options;
    return importJobs(open, await openLineFile(path), { skipBad, force, onProgress: () => {} });
  }

  /** What a server does that puts jobs of its own there. */
  async commit(batch: Partial<StoreBatch>): Promise<void> {
    const store = await this.open();
    await store.open();
    await store.commit({ puts: [], changes: [], dones: [], settings: new Map(), ...batch });
    await store.close();
  }

  async content(): Promise<{ jobs: StoredJob[]; settings: Record<string, string> }> {
    const store = await this.open();
    const content = await store.open();
    const found: StoredJob[] = [];
    for await (const each of content.jobs) found.push({ ...each, payload: Buffer.from(each.payload) });
    await store.close();
    const { [PROGRESS]: _, ...settings } = Object.fromEntries(content.settings);
    return { jobs: found, settings };
  }
}

/** A store whose process ends, or whose disk is full, after some commits. */
function failing(
  open: () => Promise<JobStore>,
  after: number,
  how: 'full' | 'dead',
): () => Promise<JobStore> {
  return async () => {
    const store = await open();
    let commits = 0;
    const commit = store.commit.bind(store);
    store.commit = async (batch) => {
      if (++commits <= after) return commit(batch);
      const error = new Error('no space left');
      if (how === 'dead') throw error;
      return { refused: error };
    };
    return store;
  };
}

describe('an import', () => {
  test('into a new store keeps numbers, settings and everything else', async () => {
    const place = new Place();
    const all = [
      job(3, { uniqueId: 'u', runAtMs: 99, attempts: 4, state: 'dead', extra: '{}' }),
      job(70),
      job(71),
    ];
    const settings = { 'handle-prefix': 'H:old', 'numbers-up-to': '1000', 'maxqueue:mail': '5 5 5' };
    expect(await place.import(place.file(all, settings))).toMatchObject({
      jobs: 3,
      before: 0,
      keepsNumbers: true,
    });
    expect(await place.content()).toEqual({ jobs: all, settings });
  });

  test('sets numbers aside that the old store may have given to jobs that are gone', async () => {
    const place = new Place();
    await place.import(place.file(jobs(2)));
    expect((await place.content()).settings).toEqual({ 'numbers-up-to': '2' });
  });

  test('into a store that has been used numbers jobs behind everything there, and leaves its settings', async () => {
    const place = new Place();
    const settings = new Map([
      ['handle-prefix', 'H:new'],
      ['numbers-up-to', '500'],
      ['maxqueue:mail', '1 1 1'],
    ]);
    await place.commit({ puts: [job(7)], settings });
    const old = {
      'handle-prefix': 'H:old',
      'numbers-up-to': '9',
      'maxqueue:mail': '5 5 5',
      'maxqueue:x': '2 2 2',
    };
    expect(await place.import(place.file(jobs(2), old))).toMatchObject({ keepsNumbers: false });
    const { jobs: found, settings: kept } = await place.content();
    expect(found.map(({ number, payload }) => [number, String(payload)])).toEqual([
      [7, 'payload of 7'],
      [501, 'payload of 1'],
      [502, 'payload of 2'],
    ]);
    expect(kept).toEqual({
      'handle-prefix': 'H:new',
      'numbers-up-to': '502',
      'maxqueue:mail': '1 1 1',
      'maxqueue:x': '2 2 2',
    });
  });

  test('of jobs whose numbers do not rise counts them anew, in the order of the file', async () => {
    const place = new Place();
    await place.import(place.file([job(5), job(5), job(2)]));
    const { jobs: found } = await place.content();
    expect(found.map(({ number, payload }) => [number, String(payload)])).toEqual([
      [1, 'payload of 5'],
      [2, 'payload of 5'],
      [3, 'payload of 2'],
    ]);
  });

  test('of a file with a wrong line names the line, and does not even make the store', async () => {
    const place = new Place();
    const path = place.file([job(1), job(2)]);
    appendFileSync(path, '{"function":"late"}\n');
    await expect(place.import(path)).rejects.toThrow(
      /nothing is imported, as one entry is wrong;.*line 5: stands behind/s,
    );
    expect(existsSync(place.directory)).toBe(false);
    const result = await place.import(path, { skipBad: true });
    expect(result).toMatchObject({ jobs: 2, survey: { bad: 1 } });
    expect((await place.content()).jobs).toEqual(jobs(2));
  });

  test('of a file that was cut off is refused', async () => {
    const place = new Place();
    const path = join(place.folder, 'cut.jsonl');
    writeFileSync(path, writeHead({ from: '', exportedAt: '', lastNumber: 9 }) + writeJob(job(1)));
    await expect(place.import(path)).rejects.toThrow(/line 2: is the last one.*cut off/);
  });

  test('names no more than twenty problems', async () => {
    const place = new Place();
    const path = place.file([]);
    writeFileSync(path, writeHead({ from: '', exportedAt: '', lastNumber: 0 }) + 'x\n'.repeat(500));
    await expect(place.import(path)).rejects.toThrow(/501 entries are wrong.*… and 481 more$/s);
  });

  test.each(['full', 'dead'] as const)('that is interrupted (%s) goes on where it was', async (how) => {
    const place = new Place();
    const path = place.file(jobs(2500));
    const open = failing(place.open, 2, how);
    await expect(place.import(path, { open })).rejects.toThrow(
      how === 'dead'
        ? 'no space left'
        : 'no space left; 1000 of 2500 jobs are imported, and the same command goes on',
    );
    expect((await place.content()).jobs).toHaveLength(1000);
    expect(await place.import(path)).toMatchObject({ jobs: 2500, before: 1000, keepsNumbers: true });
    expect((await place.content()).jobs).toEqual(jobs(2500));
  });

  test('that is told to stop ends behind a commit, and goes on the next time', async () => {
    const place = new Place();
    const path = place.file(jobs(2500));
    const stop = new AbortController();
    const options = { skipBad: false, force: false, onProgress: () => stop.abort(), signal: stop.signal };
    const source = await openLineFile(path);
    await expect(importJobs(place.open, source, options)).rejects.toThrow('interrupted; 1000 of 2500 jobs');
    expect(await place.import(path)).toMatchObject({ jobs: 2500, before: 1000 });
    expect((await place.content()).jobs).toEqual(jobs(2500));
  });

  test('that is interrupted goes on although a server has used the store meanwhile', async () => {
    const place = new Place();
    const path = place.file(jobs(1500));
    await expect(place.import(path, { open: failing(place.open, 2, 'full') })).rejects.toThrow(
      '1000 of 1500',
    );
    // It takes numbers behind those that are set aside, and has run the first jobs.
    expect((await place.content()).settings).toEqual({ 'numbers-up-to': '1500' });
    await place.commit({ puts: [job(1501)], dones: [1, 2, 3] });
    await place.import(path);
    expect((await place.content()).jobs).toEqual([...jobs(1498, 4)]);
  });

  test('is not done twice, unless it is wanted', async () => {
    const place = new Place();
    const path = place.file(jobs(3));
    await place.import(path);
    expect(await place.import(path)).toMatchObject({ jobs: 3, before: 3 });
    expect((await place.content()).jobs).toHaveLength(3);
    await place.import(path, { force: true });
    expect((await place.content()).jobs.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('of another file waits for one that is not complete', async () => {
    const place = new Place();
    const open = failing(place.open, 2, 'full');
    await expect(place.import(place.file(jobs(1500)), { open })).rejects.toThrow('1000 of 1500');
    const other = place.file(jobs(1), {}, 'other.jsonl');
    await expect(place.import(other)).rejects.toThrow('another file stopped after 1000 of 1500 jobs');
    await place.import(other, { force: true });
    expect((await place.content()).jobs).toHaveLength(1001);
  });

  test('into a store that is in use says by whom, with the exit code for that', async () => {
    const place = new Place();
    const store = await place.open();
    await store.open();
    await expect(place.import(place.file(jobs(1)))).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringContaining(`is in use by process ${process.pid}`),
    });
    await store.close();
  });
});
