import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startOurServer } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../../scripts/lib/workspaces.mjs';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('echo.mjs', import.meta.url));

/** Other runtimes than this one, and what they want to hear before a script. They run what was built. */
const RUNTIMES = [
  ['bun', ['run']],
  ['deno', ['run', '--quiet', '--allow-all', '--no-lock']],
] as const;

/** The path of a program on the PATH, or in the folder that `GEARMAN_RUNTIMES` names. */
function find(name: string): string | undefined {
  const folders = [process.env['GEARMAN_RUNTIMES'] ?? '', ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(existsSync);
}

describe.each(RUNTIMES)('Client, worker and server in %s', (name, args) => {
  const runtime = find(name);
  // Whoever wants it to run says so.
  const skip = runtime === undefined && process.env['GEARMAN_RUNTIMES'] === undefined;

  test.skipIf(skip).each([
    ['client and worker, with a server in Node.js', startOurServer],
    ['all three', undefined],
  ])('%s: no job is lost or changed', async (_, start) => {
    if (runtime === undefined) throw new Error(`${name} is not in ${process.env['GEARMAN_RUNTIMES']}`);
    const server = await start?.();
    try {
      const { stdout } = await run(runtime, [...args, SCRIPT, String(server?.port ?? 0)], {
        cwd: ROOT,
        timeout: 15_000,
      });
      expect(JSON.parse(stdout)).toEqual({
        runtime: name,
        sizes: 5,
        jobs: 500,
        crossed: 0,
        failed: 'ERR_GEARMAN_JOB_EXCEPTION',
        status: { known: true, running: false },
      });
    } finally {
      await server?.stop();
    }
  });
});
