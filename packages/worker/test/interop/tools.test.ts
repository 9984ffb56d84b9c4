import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { shouldTestGearmand, startGearmand } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { createWorker, type Handler } from '../../src/index.ts';

const GEARMAN = '/usr/bin/gearman';
const here = existsSync(GEARMAN) && shouldTestGearmand();
const skip = !here && process.env['GEARMAN_REQUIRE_INTEROP'] !== '1';

interface Said {
  readonly code: unknown;
  readonly stdout: string;
}

/** Submits one job with gearmand's own client. */
async function gearman(port: number, ...args: readonly string[]): Promise<Said> {
  const child = spawn(GEARMAN, ['-h', '127.0.0.1', '-p', String(port), ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 10_000,
  });
  const exited = once(child, 'exit');
  const stdout = await text(child.stdout);
  const [code] = await exited;
  return { code, stdout };
}

describe.skipIf(skip)('a worker, for the gearman tool', () => {
  test.each<[string, Handler, Said]>([
    ['a result', (job) => job.text().toUpperCase(), { code: 0, stdout: 'HELLO' }],
    [
      'data ahead of the result',
      async (job) => {
        await job.write('a');
        await job.write('b');
        return 'c';
      },
      { code: 0, stdout: 'abc' },
    ],
    ['a failure', (job) => job.fail(), { code: 1, stdout: '' }],
    // Not an exception: gearmand 1.1.20 puts a stray NUL into what it makes of it, and its tool then waits for ever.
  ])('brings %s', async (_, handler, expected) => {
    await using server = await startGearmand();
    await using worker = createWorker({ servers: server.server });
    worker.register('f', handler);
    await worker.start();
    expect(await gearman(server.port, '-f', 'f', 'hello')).toEqual(expected);
  });
});
