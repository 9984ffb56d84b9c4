import { encodeText, request, response } from '@gearman/protocol';
import { type FakeServer, fakeServer, jobServer, RawConnection, rude, watchLeaks } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { createWorker, type Worker, type WorkerSettings } from '../../src/index.ts';
import { gate } from '../support/stage.ts';

/** A worker of an honest server that is about to be rude, and a client. */
class Scene implements AsyncDisposable {
  readonly server: FakeServer;
  readonly worker: Worker;
  readonly #leaks = watchLeaks();
  #client: RawConnection | undefined;

  constructor(server: FakeServer, settings: WorkerSettings) {
    this.server = server;
    this.worker = createWorker({
      servers: server.server,
      reconnect: { minMs: 1, maxMs: 5 },
      concurrency: 2,
      ...settings,
    });
    this.worker.register('f', (job) => job.text().toUpperCase());
  }

  async client(): Promise<RawConnection> {
    this.#client ??= await RawConnection.open(this.server.port);
    return this.#client;
  }

  /** Submits a job and waits for its result. */
  async run(payload: string): Promise<string> {
    const client = await this.client();
    const functionName = encodeText('f');
    client.send(request('SUBMIT_JOB', { functionName, uniqueId: '', workload: Buffer.from(payload) }));
    await client.expect('JOB_CREATED');
    const { data } = await client.expect('WORK_COMPLETE');
    return Buffer.from(data).toString();
  }

  /** Waits until the worker has told the server that it sleeps. */
  async asleep(): Promise<void> {
    await this.server.until(() => this.worker.status().servers[0]?.loop === 'asleep');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.close();
    await this.worker.stop({ timeoutMs: 0 });
    await this.server.stop();
    await this.#leaks.check();
  }
}

async function scene(settings: WorkerSettings = {}): Promise<Scene> {
  return new Scene(await fakeServer(jobServer()), settings);
}

describe('a worker of a rude server', () => {
  test('finds jobs that no wake-up came for', async () => {
    await using stage = await scene({ pollIntervalMs: 10 });
    await stage.worker.start();
    stage.server.insteadOfNext('NOOP', rude.silent());
    expect(await stage.run('lost')).toBe('LOST');
  });

  test('notices a request for a job that is not answered, and connects anew', async () => {
    await using stage = await scene({ grabTimeoutMs: 20 });
    stage.server.onNext('GRAB_JOB_ALL', rude.silent());
    const noticed = gate<string>();
    stage.worker.on('grab-timeout', ({ server }) => noticed.open(server));
    await stage.worker.start();
    expect(await noticed.opened).toBe(stage.server.server);
    expect(await stage.run('again')).toBe('AGAIN');
    expect(stage.worker.status().running).toBe(0);
  });

  test.each([
    ['ends in the middle of a job', rude.closeAt(20)],
    ['is killed in the middle of a job', rude.resetAt(20)],
    ['sends garbage for a job', rude.garbage()],
    ['answers a request twice', rude.twice()],
    ['sends a job byte by byte', rude.dribble()],
    ['wakes up those who are awake', rude.after(response('NOOP', {}), response('NOOP', {}))],
    ['refuses a request for a job', rude.error('SERVER_ERROR', 'no')],
    ['announces a job beyond all limits', rude.oversize(2 ** 31)],
  ])('goes on when it %s', async (_, rudeness) => {
    await using stage = await scene({ pollIntervalMs: 10 });
    await stage.worker.start();
    await stage.asleep();
    stage.server.insteadOfNext('JOB_ASSIGN_UNIQ', rudeness);
    // The server takes a job back with the connection; one that it never sent, nobody takes back.
    const first = await stage.client();
    const functionName = encodeText('f');
    first.send(request('SUBMIT_JOB_BG', { functionName, uniqueId: '', workload: Buffer.from('bg') }));
    await first.expect('JOB_CREATED');
    for (const payload of ['a', 'b', 'c']) expect(await stage.run(payload)).toBe(payload.toUpperCase());
    await stage.asleep();
    expect(stage.worker.status().running).toBe(0);
  });

  test('gives no job to a function that is not there, and says so', async () => {
    await using stage = await scene();
    const unknown = gate<string>();
    stage.worker.on('unknown-function', ({ functionName }) => unknown.open(functionName));
    stage.server.insteadOfNext(
      'NO_JOB',
      rude.instead(
        response('JOB_ASSIGN_UNIQ', {
          handle: 'H:x:1',
          functionName: encodeText('g'),
          uniqueId: '',
          workload: Buffer.of(),
        }),
      ),
    );
    await stage.worker.start();
    expect(await unknown.opened).toBe('g');
    expect(await stage.run('still')).toBe('STILL');
  });
});
