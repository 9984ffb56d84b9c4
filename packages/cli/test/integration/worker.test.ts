import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createClient } from '@gearman/client';
import { startOurServer } from '@gearman/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runGearman } from '../../src/index.ts';
import { startCommand } from '../support/command.ts';
import { runHere } from '../support/run-here.ts';

const bin = fileURLToPath(new URL('../../bin/gearman.js', import.meta.url));
const file = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/functions/${name}`, import.meta.url));

/** `gearman worker`, the leader of a process group of its own, and the lines it says on standard error. */
class WorkerCommand {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly exited: Promise<unknown[]>;

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [bin, 'worker', ...args], {
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    onTestFinished(() => {
      if (this.groupIsAlive) process.kill(-this.#leader, 'SIGKILL');
    });
    const { stderr } = this.#child;
    if (stderr === null) throw new Error('stderr is a pipe');
    this.#lines = createInterface(stderr)[Symbol.asyncIterator]();
    this.exited = once(this.#child, 'exit');
  }

  get #leader(): number {
    return this.#child.pid ?? 0;
  }

  /** True while a process is left that it has started. */
  get groupIsAlive(): boolean {
    try {
      process.kill(-this.#leader, 0);
      return true;
    } catch {
      return false;
    }
  }

  async says(text: string): Promise<string> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`it ended, and never said "${text}"`);
      if (value.includes(text)) return value;
    }
  }

  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-this.#leader, signal);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

describe('gearman worker', () => {
  test('runs the functions of a folder, reloads on SIGHUP, and ends with 0 on SIGTERM when its jobs are done', async () => {
    await using server = await startOurServer();
    await using client = createClient({ servers: server.server });
    const command = new WorkerCommand(['--dir', file(''), '--concurrency', '4', '--servers', server.server]);
    await command.says('functions.1 takes jobs');
    expect(await client.submit('reverse', 'hello')).toEqual(Buffer.from('olleh'));
    const before = Buffer.from(await client.submit('pid')).toString();
    // A terminal sends it to all; only the first process minds.
    command.signalGroup('SIGHUP');
    await command.says('all processes are being replaced');
    const ready = await command.says('functions.1 takes jobs');
    expect(ready).not.toContain(`process ${before})`);
    const running = client.submit('until-signal');
    // It is told when the job has begun.
    for await (const event of running.events()) if (event.type === 'warning') break;
    command.signalGroup('SIGTERM');
    expect(Buffer.from(await running).toString()).toBe('done');
    expect(await command.exited).toEqual([0, null]);
    expect(command.groupIsAlive).toBe(false);
  });

  test('ends with 1 when the module cannot be loaded', async () => {
    const command = startCommand('gearman', ['worker', '--module', file('../broken.mjs'), '-p', '1']);
    expect(await command.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('no such luck') });
  });

  test.each<[readonly string[], RegExp]>([
    [[], /give --module or --dir/],
    [['--module', 'no-such-file.js'], /there is no .*no-such-file\.js/],
    [['--module', 'x.js', '--processes', 'many'], /whole number/],
    [['--module', 'x.js', '--recycle-age', '5'], /500ms, 10s/],
  ])('%j ends with 2', async (args, message) => {
    const { code, stderr } = await runHere(runGearman, ['worker', ...args]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
