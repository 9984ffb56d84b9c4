import { describe, expect, test } from 'vitest';
import { createWorker } from '../../src/index.ts';
import { LineSplitter } from '../../src/supervisor/lines.ts';
import { loadModules } from '../../src/supervisor/load-module.ts';
import { RecycleLimits } from '../../src/supervisor/recycle.ts';

describe('LineSplitter', () => {
  test('brings whole lines, wherever the text is cut, and the last one without its end', () => {
    const text = Buffer.from('grüße\r\n\nzwei\ndrei');
    for (let cut = 0; cut <= text.length; cut++) {
      const lines: string[] = [];
      const splitter = new LineSplitter((line) => lines.push(line));
      splitter.push(text.subarray(0, cut));
      splitter.push(text.subarray(cut));
      expect(lines).toEqual(['grüße', '', 'zwei']);
      splitter.end();
      expect(lines.at(-1)).toBe('drei');
    }
  });

  test('cuts a line that does not end', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line), 4);
    splitter.push(Buffer.from('123456789'));
    expect(lines).toEqual(['1234', '5678']);
  });
});

test('limits are drawn below what was asked for, never above', () => {
  const settings = { maxAgeMs: 1000, maxJobs: 100, maxMemoryBytes: 10, splay: 0.5 };
  const figures = { running: 0, memoryBytes: 0 };
  for (const [random, jobs] of [
    [0, 100],
    [0.5, 75],
    [0.999, 50],
  ] as const) {
    const limits = new RecycleLimits(settings, random);
    expect(limits.reason({ ...figures, jobs })).toBe('jobs');
    expect(limits.reason({ ...figures, jobs: jobs - 1 })).toBeUndefined();
    expect(limits.maxAgeMs).toBeCloseTo(1000 * (1 - 0.5 * random));
  }
});

describe('a module', () => {
  const url = (name: string): string => new URL(`./fixtures/${name}`, import.meta.url).href;
  const load = async (urls: readonly string[], isFolder = false, functions?: readonly string[]) => {
    await using worker = createWorker({ servers: '127.0.0.1:1', lazy: true });
    const teardowns = await loadModules(worker, { name: 'test', urls, isFolder, functions });
    return { functions: worker.status().functions, teardowns };
  };

  test.each([
    ['functions by their names', 'jobs.mjs', ['pid', 'upper', 'slow']],
    ['a definition', 'definition.mjs', ['mail_send', 'mail_help']],
    ['a function that registers', 'registers.mjs', ['one', 'two']],
  ])('exports %s', async (_, name, functions) => {
    expect((await load([url(name)])).functions).toEqual(functions);
  });

  test('may bring a teardown', async () => {
    expect((await load([url('registers.mjs')])).teardowns.length).toBe(1);
  });

  test('of a folder is a function with the name of the file, or several', async () => {
    const urls = [url('folder/reverse.js'), url('folder/more.cjs')];
    expect((await load(urls, true)).functions).toEqual(['reverse', 'length']);
  });

  test('offers only the functions that are wanted', async () => {
    expect((await load([url('registers.mjs')], false, ['two'])).functions).toEqual(['two']);
    await expect(load([url('registers.mjs')], false, ['three'])).rejects.toThrow('no function "three"');
  });

  test('without a default, or that throws, is an error', async () => {
    await expect(load([url('empty.mjs')])).rejects.toThrow(/exports no default/);
    await expect(load([url('broken.mjs')])).rejects.toThrow('no such luck');
  });
});
