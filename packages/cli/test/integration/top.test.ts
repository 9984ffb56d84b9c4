import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createAdmin } from '@gearman/admin';
import { startOurServer } from '@gearman/testing';
import { expect, onTestFinished, test } from 'vitest';

const BIN = fileURLToPath(new URL('../../bin/gearman.js', import.meta.url));
/** Part of util-linux: gives a command a terminal. */
const hasScript = spawnSync('script', ['--version']).status === 0;

test.skipIf(!hasScript)('top takes a terminal, obeys keys, and gives it back', async () => {
  await using server = await startOurServer();
  await using admin = createAdmin({ servers: server.server });
  await admin.createFunction('shown');
  const command = `"${process.execPath}" "${BIN}" top --interval 10ms --servers ${server.server}`;
  const child = spawn('script', ['-qfec', command, '/dev/null']);
  onTestFinished(() => void child.kill('SIGKILL'));
  let screen = '';
  const sees = (text: string): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (screen.includes(text)) resolve();
      };
      child.stdout.on('data', look);
      look();
    });
  child.stdout.setEncoding('utf8').prependListener('data', (text: string) => {
    screen += text;
  });
  const closed = once(child, 'close');
  await sees('shown ');
  child.stdin.write('s');
  await sees('by running');
  await admin.createFunction('added');
  await sees('added ');
  child.stdin.write('q');
  expect((await closed)[0]).toBe(0);
  expect(screen.startsWith('\x1b[?1049h\x1b[?25l')).toBe(true);
  expect(screen.trimEnd().endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
});
