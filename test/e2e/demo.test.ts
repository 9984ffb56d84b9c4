import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createServer } from '@gearman/server';
import { freePort, shouldTestGearmand, startGearmand } from '@gearman/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Run, runProgram } from '../support/run-program.ts';

const MAIN = fileURLToPath(new URL('../../docs/examples/word-count/dist/main.js', import.meta.url));
const FILES = 120;
const WORDS_PER_FILE = 500;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'word-count-'));
  for (let i = 0; i < FILES; i++) {
    // Every other file ends in the middle of a word, as far as cat is concerned.
    const end = i % 2 === 0 ? '\n' : '';
    await writeFile(
      join(folder, `${String(i).padStart(3, '0')}.md`),
      `${'lorem '.repeat(WORDS_PER_FILE - 1)}ipsum${end}`,
    );
  }
});

afterAll(() => rm(folder, { recursive: true }));

const demo = (...args: string[]): Promise<Run> => runProgram(MAIN, { args });

// One word for cat at each border between a file without a line end and the next.
const TOTAL = FILES * WORDS_PER_FILE - (FILES / 2 - 1);

describe('npm run demo', () => {
  test('counts what `cat FILES | wc -w` counts', async () => {
    const { code, output, errors } = await demo(folder);
    expect(errors).not.toContain('demo failed');
    expect(output).toMatch(/cat FILES \| wc -w says \d+, too/);
    expect(output).toContain(TOTAL.toLocaleString('en'));
    expect(output).toMatch(/lorem 59,880/);
    expect(code).toBe(0);
  });

  test('--chaos kills workers all the way through and the total is still right', async () => {
    const { code, output, errors } = await demo('--chaos', folder);
    expect(errors).not.toContain('demo failed');
    expect(output).toContain(TOTAL.toLocaleString('en'));
    // One that is killed while it starts is not killed twice.
    expect(output).toMatch(/workers restarted\s+│ [4-8] /);
    expect(code).toBe(0);
  });

  test('--servers runs it against a server that runs already', async () => {
    const server = createServer();
    await server.listen({ host: '127.0.0.1', port: 0 });
    const [address] = server.addresses;
    const { code, output } = await demo('--servers', `127.0.0.1:${address?.port}`, folder);
    expect(output).toContain(TOTAL.toLocaleString('en'));
    expect(code).toBe(0);
    await server.close();
  });

  test('a server that cannot be reached is named, and the exit code says so', async () => {
    const port = await freePort();
    const { code, errors } = await demo('--servers', `127.0.0.1:${port}`, folder);
    expect(errors).toContain(`127.0.0.1:${port}: connection refused`);
    expect(code).toBe(1);
  });

  test('a file that is not there is an error', async () => {
    const { code, errors } = await demo(join(folder, 'nowhere.md'));
    expect(errors).toMatch(/demo failed: .*nowhere\.md/);
    expect(code).toBe(1);
  });
});

describe.skipIf(!shouldTestGearmand())('npm run demo with gearmand', () => {
  test('--servers runs it against gearmand, with --chaos', async () => {
    await using server = await startGearmand();
    const { code, output, errors } = await demo('--servers', server.server, '--chaos', folder);
    expect(errors).not.toContain('demo failed');
    expect(output).toContain(TOTAL.toLocaleString('en'));
    expect(code).toBe(0);
  });
});
