import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { request } from '@gearman/protocol';
import { RawConnection, type TestServer, watchLeaks } from '@gearman/testing';
import { expect } from 'vitest';
import { createWorker, type Worker } from '../../src/index.ts';
import { StatusReader } from './ask-status.ts';
import { gate, type StartServer } from './stage.ts';
import { Submitter } from './submitter.ts';

/** How bad it gets. */
export interface TortureOptions {
  /** Of each worker, which has a function of its own. */
  readonly concurrencies: readonly number[];
  /** Jobs of each function between two restarts. */
  readonly jobs: number;
  readonly restarts: number;
  /** The time limit of the functions, if they have one; one job in a hundred outlives it at first. */
  readonly timeoutMs: number | undefined;
  /** Whether other workers are real processes that are killed, or connections that are cut. */
  readonly killProcesses: boolean;
}

/** What came of it. */
export interface TortureReport {
  readonly done: number;
  /** How often figures of the server were read that were a worker's alone. */
  readonly readings: number;
  /** The highest `running` of each function, in the order of the workers. */
  readonly highest: readonly number[];
}

interface Subject {
  readonly functionName: string;
  readonly concurrency: number;
  readonly worker: Worker;
  /** Holds jobs back while the slots are counted. */
  hold: { readonly opened: Promise<void>; readonly open: () => void } | undefined;
  most: number;
}

/**
 * Workers under server restarts, lost workers and time limits: never more jobs of a worker run than it has slots, no slot
 * is lost, nothing gets stuck.
 */
export async function torture(startServer: StartServer, options: TortureOptions): Promise<TortureReport> {
  const leaks = watchLeaks();
  let server = await startServer();
  const subjects = options.concurrencies.map((concurrency, index) =>
    createSubject(server, `f${index}`, concurrency, options.timeoutMs),
  );
  await Promise.all(subjects.map(({ worker }) => worker.start()));
  let done = 0;
  let readings = 0;
  const highest = subjects.map(() => 0);
  for (let round = 0; round <= options.restarts; round++) {
    await using client = await Submitter.open(server.port);
    const reader = new StatusReader(server.server);
    const over = gate();
    let watching = true;
    const watched = (async () => {
      while (watching) {
        for (const [index, { functionName }] of subjects.entries()) {
          const figures = await reader.read(functionName).catch(() => undefined);
          // While others offer it as well, some of the jobs may be theirs.
          if (figures?.workers !== 1) continue;
          readings++;
          highest[index] = Math.max(highest[index] ?? 0, figures.running);
        }
      }
      over.open();
    })();
    const payloads = Array.from({ length: options.jobs }, (_, index) => String(index));
    const results = subjects.flatMap(({ functionName }) =>
      payloads.map((payload) => client.run(functionName, `${round} ${payload}`)),
    );
    const thief = await steal(server, subjects, options.killProcesses);
    const all = Promise.all(results);
    if (round < options.restarts) {
      // Half of them, then the end of the world.
      await Promise.race([all, Promise.all(results.slice(0, results.length / 2))]);
      done += results.length / 2;
      watching = false;
      await thief();
      await reader.close();
      await watched;
      await server.kill();
      for (const result of results) result.catch(() => {});
      server = await startServer(server.port);
    } else {
      done += (await all).length;
      await thief();
      watching = false;
      await over.opened;
      await countSlots(subjects, client, reader, highest);
      await reader.close();
    }
  }
  for (const { worker, concurrency, most } of subjects) {
    expect(worker.status().running).toBe(0);
    expect(most).toBeLessThanOrEqual(concurrency);
  }
  await Promise.all(subjects.map(({ worker }) => worker.stop()));
  await server.stop();
  await leaks.check();
  return { done, readings, highest };
}

function createSubject(
  server: TestServer,
  functionName: string,
  concurrency: number,
  timeoutMs: number | undefined,
): Subject {
  const reconnect = { minMs: 1, maxMs: 20 };
  const worker = createWorker({ servers: server.server, concurrency, reconnect, pollIntervalMs: 500 });
  const subject: Subject = { functionName, concurrency, worker, hold: undefined, most: 0 };
  const attempts = new Set<string>();
  let now = 0;
  worker.register(
    functionName,
    async (job) => {
      now++;
      subject.most = Math.max(subject.most, now);
      try {
        const payload = job.text();
        const first = !attempts.has(payload);
        attempts.add(payload);
        if (subject.hold !== undefined) await subject.hold.opened;
        else if (first && timeoutMs !== undefined && payload.endsWith('17')) await aborted(job.signal);
        else if (Math.random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
        return payload;
      } finally {
        now--;
      }
    },
    timeoutMs === undefined ? {} : { timeoutMs },
  );
  return subject;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Takes jobs of every function and is killed with them. The result waits for the end of that. */
async function steal(
  server: TestServer,
  subjects: readonly Subject[],
  killProcesses: boolean,
): Promise<() => Promise<void>> {
  if (!killProcesses) {
    const thieves = await Promise.all(
      subjects.map(async ({ functionName }) => {
        const thief = await RawConnection.open(server.port);
        thief.send(request('CAN_DO', { functionName }), request('GRAB_JOB', {}));
        await thief.next();
        return thief;
      }),
    );
    await Promise.all(thieves.map((thief) => thief.close()));
    return async () => {};
  }
  const names = subjects.map(({ functionName }) => functionName);
  const code = `import { createWorker } from '@gearman/worker';
    const worker = createWorker({ servers: '${server.server}', concurrency: 4 });
    for (const name of ${JSON.stringify(names)}) worker.register(name, () => new Promise(() => {}));
    await worker.start();
    // It may have jobs or not: by the time it starts they may all be done.
    setImmediate(() => console.log('began'));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: fileURLToPath(new URL('../../../../', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended]);
  kill(child);
  return () => ended;
}

function kill(child: ChildProcess): void {
  child.kill('SIGKILL');
}

/** As many jobs as there are slots run at once, and one more waits: no slot is lost and none is too many. */
async function countSlots(
  subjects: readonly Subject[],
  client: Submitter,
  reader: StatusReader,
  highest: number[],
): Promise<void> {
  for (const [index, subject] of subjects.entries()) {
    const { functionName, concurrency } = subject;
    subject.hold = gate();
    const jobs = Array.from({ length: concurrency + 1 }, (_, index) =>
      client.run(functionName, `count ${index}`),
    );
    await reader.until(functionName, ({ running }) => running === concurrency);
    const { total, running } = await reader.read(functionName);
    expect(total).toBe(concurrency + 1);
    highest[index] = Math.max(highest[index] ?? 0, running);
    subject.hold.open();
    subject.hold = undefined;
    await Promise.all(jobs);
  }
}
