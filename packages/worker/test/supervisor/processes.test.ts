import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startOurServer, type TestServer, watchLeaks } from '@gearman/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  createSupervisor,
  type Supervisor,
  type SupervisorEvent,
  type SupervisorOptions,
} from '../../src/supervisor/index.ts';
import { type Submitted, Submitter } from '../support/submitter.ts';

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);
const jobs = fixture('jobs.mjs');

/** A supervisor of real processes, which have all ended when the test has. */
class Stage {
  readonly #leaks = watchLeaks();
  readonly supervisor: Supervisor;
  readonly server: TestServer;
  readonly client: Submitter;
  readonly events: SupervisorEvent[] = [];
  readonly pids = new Set<number>();

  private constructor(supervisor: Supervisor, server: TestServer, client: Submitter) {
    this.supervisor = supervisor;
    this.server = server;
    this.client = client;
    supervisor.on('event', (event) => {
      // Hundreds of lines are looked at by those who want them.
      if (event.type !== 'output') this.events.push(event);
      if (event.type === 'process-start') this.pids.add(event.pid);
    });
  }

  static async open(options: SupervisorOptions): Promise<Stage> {
    const server = await startOurServer();
    const client = await Submitter.open(server.port);
    const quiet = { debug() {}, info() {}, warn() {}, error() {} };
    const supervisor = createSupervisor({ servers: server.server, logger: quiet, ...options });
    return new Stage(supervisor, server, client);
  }

  next<T extends SupervisorEvent['type']>(type: T): Promise<Extract<SupervisorEvent, { type: T }>> {
    return new Promise((resolve) =>
      // The event's type is the one that was asked for.
      this.supervisor.once(type, (event) => resolve(event as Extract<SupervisorEvent, { type: T }>)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.kill();
    await this.client.close();
    await this.server.stop();
    expect([...this.pids].filter(isAlive)).toEqual([]);
    await this.#leaks.check();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function hasBegun(job: Submitted): Promise<void> {
  while (job.story.length === 0) await new Promise((resolve) => setImmediate(resolve));
}

describe('processes', () => {
  test('work; one that is killed is started again, one that had enough jobs is replaced, and all end with 0', async () => {
    await using stage = await Stage.open({
      module: jobs,
      recycle: { maxJobs: 5, splay: 0 },
      restart: { minMs: 1 },
      reportIntervalMs: 1,
    });
    const { supervisor, client } = stage;
    await supervisor.start();
    expect(await client.run('upper', 'hello')).toBe('HELLO');
    const first = Number(await client.run('pid'));
    expect(supervisor.processes).toEqual([
      expect.objectContaining({ name: 'jobs.1', pid: first, state: 'ready' }),
    ]);
    const again = stage.next('process-ready');
    process.kill(first, 'SIGKILL');
    const { pid } = await again;
    expect(stage.events).toContainEqual(
      expect.objectContaining({ type: 'process-exit', pid: first, signal: 'SIGKILL', expected: false }),
    );
    const replaced = stage.next('process-exit');
    for (let i = 0; i < 5; i++) expect(await client.run('upper', 'x')).toBe('X');
    expect(await replaced).toMatchObject({ pid, exitCode: 0, expected: true });
    expect(stage.events).toContainEqual({ type: 'process-recycle', process: 'jobs.1', reason: 'jobs' });
    expect(Number(await client.run('pid'))).not.toBe(pid);
    expect(await supervisor.stop()).toEqual({
      processes: [{ process: 'jobs.1', exitCode: 0, signal: null }],
      killed: 0,
    });
  });

  test('are replaced under load without a lost job', async () => {
    await using stage = await Stage.open({ module: jobs, worker: { concurrency: 8 } });
    const { supervisor, client } = stage;
    const done: string[] = [];
    supervisor.on('output', ({ line }) => void done.push(line));
    await supervisor.start();
    const results: Promise<string>[] = [];
    const accepted: Promise<unknown>[] = [];
    let isReloading = true;
    const load = async (): Promise<void> => {
      for (let i = 0; isReloading; i++) {
        const job = client.run('slow', `fore ${i}`);
        results.push(job);
        accepted.push(client.submit('slow', `back ${i}`, { background: true }));
        // As fast as they are done, with some waiting.
        if (results.length > 10) await results[results.length - 10];
      }
    };
    const loading = load();
    await supervisor.reload();
    isReloading = false;
    await loading;
    const fore = await Promise.all(results);
    expect(fore).toEqual(fore.map((_, i) => `fore ${i}`));
    await Promise.all(accepted);
    // Behind all others, in the only queue there is; stop() waits for those that run.
    await client.run('slow', 'last');
    await supervisor.stop();
    const wanted = [
      ...fore.map((_, i) => `did fore ${i}`),
      ...accepted.map((_, i) => `did back ${i}`),
      'did last',
    ];
    expect(done.toSorted()).toEqual(wanted.toSorted());
    expect(fore.length).toBeGreaterThan(20);
    expect(stage.pids.size).toBe(2);
  });

  test('that do not end in time are killed', async () => {
    await using stage = await Stage.open({ module: fixture('blocks.mjs'), stopTimeoutMs: 0 });
    const { supervisor, client } = stage;
    await supervisor.start();
    await hasBegun(await client.submit('block'));
    const report = await supervisor.stop();
    expect(report).toEqual({
      processes: [{ process: 'blocks.1', exitCode: null, signal: 'SIGKILL' }],
      killed: 1,
    });
  });

  test('with a module that cannot be loaded do not start', async () => {
    await using stage = await Stage.open({ module: fixture('broken.mjs') });
    await expect(stage.supervisor.start()).rejects.toMatchObject({
      code: 'ERR_GEARMAN_MODULE',
      message: expect.stringContaining('no such luck'),
      cause: expect.objectContaining({ name: 'TypeError' }),
    });
  });

  test('are replaced when a file changes beside their module', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gearman-watch-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const module = join(folder, 'module.mjs');
    writeFileSync(module, "export default { version: () => '1' };");
    await using stage = await Stage.open({ module, watch: true });
    const { supervisor, client } = stage;
    await supervisor.start();
    expect(await client.run('version')).toBe('1');
    const reloaded = stage.next('reload-done');
    writeFileSync(module, "export default { version: () => '2' };");
    await reloaded;
    expect(await client.run('version')).toBe('2');
  });
});

/** A program with a supervisor, the leader of a process group of its own. */
function startProgram(server: string, stopTimeoutMs: number): ChildProcess {
  const code = `
    import { createSupervisor } from '@gearman/worker/supervisor';
    const supervisor = createSupervisor({
      module: new URL('${fixture('blocks.mjs').href}'), processes: 2, stopTimeoutMs: ${stopTimeoutMs},
    });
    supervisor.handleSignals();
    await supervisor.start();
    console.log('pids', ...supervisor.processes.map(({ pid }) => pid));
    await supervisor.done;`;
  return spawn(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: new URL('../..', import.meta.url),
    env: { PATH: process.env['PATH'], GEARMAN_SERVERS: server },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
}

async function pidsOf(program: ChildProcess): Promise<number[]> {
  if (program.stdout === null) throw new Error('stdout is a pipe');
  for await (const line of createInterface(program.stdout)) {
    const [word, ...pids] = line.split(' ');
    if (word === 'pids') return pids.map(Number);
  }
  throw new Error('it ended early');
}

/** Resolves when no process of a group is left; the test's own time is the limit. */
async function groupEnds(leader: number): Promise<void> {
  while (isAlive(-leader)) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a supervisor in a program of its own', () => {
  test('leaves no process behind when it is killed, not even one that never gives control back', async () => {
    await using server = await startOurServer();
    await using client = await Submitter.open(server.port);
    const program = startProgram(server.server, 50);
    const leader = program.pid ?? 0;
    onTestFinished(() => {
      if (isAlive(-leader)) process.kill(-leader, 'SIGKILL');
    });
    const pids = await pidsOf(program);
    // One blocks its process, the other a process of that.
    for (const name of ['block', 'block-inside']) await hasBegun(await client.submit(name));
    expect(pids.filter(isAlive)).toEqual(pids);
    program.kill('SIGKILL');
    await groupEnds(leader);
    expect(pids.filter(isAlive)).toEqual([]);
  });
});
