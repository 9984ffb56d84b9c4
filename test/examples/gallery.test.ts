import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shouldTestGearmand, startGearmand } from '@gearman/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { showProgress } from '../../docs/examples/gallery/src/progress/progress-bar.ts';
import { type Run, runProgram } from '../support/run-program.ts';

const EXAMPLES = fileURLToPath(new URL('../../docs/examples', import.meta.url));
const GALLERY = join(EXAMPLES, 'gallery');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gallery-'));
  await writeFile(join(folder, 'a.txt'), 'one two\nthree');
  await writeFile(join(folder, 'b.txt'), 'four');
  const background = { r: 200, g: 100, b: 50 };
  await sharp({ create: { width: 640, height: 400, channels: 3, background } }).toFile(
    join(folder, 'in.png'),
  );
});
afterAll(() => rm(folder, { recursive: true }));

const inFolder = (...names: string[]): string[] => names.map((name) => join(folder, name));

interface Example {
  readonly args?: () => string[];
  readonly input?: string;
  readonly prints: RegExp;
  /** On stderr. */
  readonly complains?: RegExp;
  readonly code?: number;
  /** What else is to be seen. */
  readonly check?: () => Promise<void>;
}

/** One run of each example, by the name of its folder. */
const RUNS: Readonly<Record<string, Example>> = {
  cache: {
    prints:
      /^sunny in Rome\nsunny in Oslo\nsunny in Rome\nsunny in Rome\nsunny in Oslo\n5 jobs, 2 calls\nsunny in Rome, as far as we knew before call 3\n$/,
  },
  calculus: {
    input: '(1+2)*3/4\n1/0\n2+\n-2 * -(3-1) - 10/4\n',
    prints: /^2\.25\n1\.5\n$/,
    complains: /^1\/0: .*RangeError: division by zero\n2\+: SyntaxError: expected a number, not the end\n$/,
    code: 1,
  },
  'embedded-server': {
    prints: /^invoice for Ada\ninvoice for Grace\ninvoice for Barbara\nports: 0, connections: 2\n$/,
  },
  'image-resize': {
    args: () => inFolder('in.png', 'out.png'),
    prints: /out\.png: at most 160 × 120 pixels\n$/,
    check: async () => {
      const { format, width, height } = await sharp(join(folder, 'out.png')).metadata();
      expect({ format, width, height }).toEqual({ format: 'png', width: 160, height: 100 });
    },
  },
  'map-reduce': { args: () => inFolder('a.txt', 'b.txt'), prints: /^4 words in 2 files\n$/ },
  'multi-server': {
    prints:
      /^10 of 40 jobs are done, now a server dies\nlost 127\.0\.0\.1:\d+\n40 of 40 jobs are done, [1-9]\d* of them at the second attempt\nthe sum of the squares is 22140\n$/,
  },
  progress: { args: () => ['200000'], prints: /^(\d+ %\n)*100 %\n17984 primes\n$/ },
  'rpc-with-help': {
    prints:
      /^mail\.send\(to, copies\): Sends a letter\.\nmail\.count\(\): Says how many letters were sent\.\n1 to ada@example\.org\n2 to grace@example\.org\n2\n.*must include "@"\n$/,
  },
  'upper-case': { input: 'hello\ngröße\n', prints: /^HELLO\nGRÖSSE\n$/ },
};

const run = (name: string, args: string[], input?: string): Promise<Run> =>
  runProgram(join(GALLERY, 'dist', name, 'main.js'), { args, input });

async function runExample(name: string, example: Example, more: string[] = []): Promise<void> {
  const { args, input, prints, complains = /^$/, code = 0, check } = example;
  const ended = await run(name, [...more, ...(args?.() ?? [])], input);
  expect(ended.errors).toMatch(complains);
  expect(ended.output).toMatch(prints);
  expect(ended.code).toBe(code);
  await check?.();
}

describe('the gallery of examples', () => {
  const folders = readdirSync(join(GALLERY, 'src')).filter((name) => name !== 'support');

  test('runs every example here', () => {
    expect(Object.keys(RUNS)).toEqual(folders.toSorted());
  });

  test.each(folders)('%s has a README and stands on the page of examples', (name) => {
    expect(existsSync(join(GALLERY, 'src', name, 'README.md'))).toBe(true);
    expect(readFileSync(join(EXAMPLES, 'README.md'), 'utf8')).toContain(`](gallery/src/${name})`);
  });
});

describe('examples', { concurrent: true }, () => {
  test.each(Object.entries(RUNS))('%s prints what it should and ends', (name, example) =>
    runExample(name, example),
  );

  test('image-resize leaves nothing behind when its input is no image', async () => {
    const { code, errors } = await run('image-resize', inFolder('a.txt', 'small.png'));
    expect(errors).toMatch(/a\.txt: .*unsupported image format/);
    expect(existsSync(join(folder, 'small.png'))).toBe(false);
    expect(code).toBe(1);
  });

  test.skipIf(!shouldTestGearmand()).each(['map-reduce', 'multi-server', 'rpc-with-help'])(
    '%s runs with gearmand',
    async (name) => {
      await using server = await startGearmand();
      const example = RUNS[name];
      if (example === undefined) throw new Error(`there is no example ${name}`);
      await runExample(name, example, ['--servers', server.server]);
    },
  );
});

describe('the progress bar', () => {
  const show = (isTTY: boolean): string => {
    let text = '';
    const screen = {
      isTTY,
      write: (more: string) => {
        text += more;
      },
    };
    for (const fraction of [0, 0.5, 1]) showProgress(fraction, screen);
    return text;
  };

  test('grows in one line of a terminal', () => {
    const [none, half, all] = ['░'.repeat(30), '█'.repeat(15) + '░'.repeat(15), '█'.repeat(30)];
    expect(show(true)).toBe(`\r${none} 0 %\r${half} 50 %\r${all} 100 %\n`);
  });

  test('is a line each time where there is no terminal', () => {
    expect(show(false)).toBe('0 %\n50 %\n100 %\n');
  });
});
