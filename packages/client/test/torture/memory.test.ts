import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
// The whole is `npm run bench -- client-memory`: a million jobs, and 100,000 at once.
const SCRIPT = fileURLToPath(new URL('../../../bench/dist/checks/client-memory.js', import.meta.url));

test('the heap comes back after many jobs, and after many at once', { timeout: 60_000 }, async () => {
  const args = ['--jobs', '20000', '--at-once', '10000', '--warm-up', '10000'];
  const { stdout } = await run(process.execPath, ['--expose-gc', SCRIPT, ...args], { timeout: 40_000 });
  const ratios = [...stdout.matchAll(/ratio (\d\.\d+)/g)].map(([, ratio]) => Number(ratio));
  expect(ratios).toHaveLength(2);
  for (const ratio of ratios) expect(ratio).toBeLessThanOrEqual(1.1);
  expect(stdout).toContain('10000 jobs in flight with 10000 handles');
});
