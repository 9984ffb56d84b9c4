import { JobRef, request } from '@gearman/protocol';
import { freePort, RawConnection, type RawHandler, type RawJob } from '@gearman/testing';
import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect } from 'vitest';
import type { ClientEvent } from '../../src/index.ts';
import { createClient } from '../../src/index.ts';
import { errorOf } from '../support/fake-job.ts';
import { behaviourTest, type StartServer } from './fixtures.ts';

const upper: RawHandler = (job) => job.complete(job.text.toUpperCase());
const echo: RawHandler = (job) => job.complete(job.workload);
const ignore: RawHandler = () => {};

/** Worker functions that hold their jobs until the test says what to do. */
function held() {
  const jobs: RawJob[] = [];
  const waiting: ((job: RawJob) => void)[] = [];
  const handler: RawHandler = (job) => {
    const next = waiting.shift();
    if (next === undefined) jobs.push(job);
    else next(job);
  };
  const next = (): Promise<RawJob> => {
    const job = jobs.shift();
    return job === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(job);
  };
  return { handler, next, jobs };
}

/** Sends a text command and waits until the server has read it. */
async function command(port: number, line: string): Promise<void> {
  const connection = await RawConnection.open(port);
  connection.sendBytes(Buffer.from(`${line}\n`));
  connection.send(request('ECHO_REQ', { data: new Uint8Array(0) }));
  await connection.expect('ECHO_RES');
  await connection.close();
}

/** What the client promises against any job server; each server runs it with the same code. */
export function describeClient(name: string, start: StartServer): void {
  const test = behaviourTest(start);

  describe(`Client, with ${name}: results`, () => {
    test('a job gives what its worker made of it', async ({ client, work }) => {
      await work({ upper });
      expect(await client.submit('upper', 'test string').text()).toBe('TEST STRING');
      expect(await client.submit('upper')).toEqual(Buffer.alloc(0));
    });

    test.for([1, 4095, 4096, 4097, 65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 1])(
      'a payload of %d bytes comes back unchanged',
      async (size, { client, work }) => {
        await work({ echo });
        const data = Buffer.from(Array.from({ length: size }, (_, i) => (i * 31) % 256));
        const results = await Promise.all([client.submit('echo', data), client.submit('echo', data)]);
        for (const result of results) expect(Buffer.compare(result, data)).toBe(0);
      },
    );

    test('parts, progress and warnings come in their order', async ({ client, work }) => {
      await work({
        parts: (job) => {
          job.status(1, 2);
          job.data('a');
          job.warning('careful');
          job.data('b');
          job.complete('c');
        },
      });
      const job = client.submit('parts');
      const parts: string[] = [];
      for await (const part of job) parts.push(Buffer.from(part).toString());
      expect(parts).toEqual(['a', 'b', 'c']);
      expect(await job.text()).toBe('abc');
      const events = await firstValueFrom(job.events$.pipe(toArray()));
      expect(events.map(({ type }) => type)).toEqual([
        'submitted',
        'created',
        'status',
        'data',
        'warning',
        'data',
        'complete',
      ]);
      expect(job.status).toEqual({ numerator: 1, denominator: 2, fraction: 0.5 });
    });

    test('2,000 jobs, 64 at a time: none lost, none crossed', async ({ client, work }) => {
      await work({ upper });
      let next = 0;
      const lane = async (): Promise<void> => {
        while (next < 2000) {
          const text = `job ${next++}`;
          expect(await client.submit('upper', text).text()).toBe(text.toUpperCase());
        }
      };
      await Promise.all(Array.from({ length: 64 }, lane));
      expect(client.pending).toBe(0);
    });
  });

  describe(`Client, with ${name}: failures`, () => {
    test('WORK_FAIL and WORK_EXCEPTION reject', async ({ client, work }) => {
      await work({ fail: (job) => job.fail(), throws: (job) => job.exception('{"message":"no"}') });
      await expect(client.submit('fail')).rejects.toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
      await expect(client.submit('throws')).rejects.toMatchObject({
        code: 'ERR_GEARMAN_JOB_EXCEPTION',
        remote: { message: 'no' },
      });
    });

    test('an exception is a plain failure for a client without exceptions', async ({ connect, work }) => {
      await work({ throws: (job) => job.exception('no') });
      const client = connect({ exceptions: false });
      await expect(client.submit('throws')).rejects.toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
    });

    test('a full queue is told apart', async ({ client, server }) => {
      await client.submitBackground('full');
      await command(server.port, 'maxqueue full 1');
      await expect(client.submit('full')).rejects.toMatchObject({ code: 'ERR_GEARMAN_QUEUE_FULL' });
      await expect(client.submitBackground('full')).rejects.toMatchObject({ code: 'ERR_GEARMAN_QUEUE_FULL' });
    });

    test('a result that comes too late disturbs nobody', async ({ client, work }) => {
      const { handler, next } = held();
      await work({ slow: handler, upper });
      const late = errorOf(client.submit('slow', '', { responseTimeoutMs: 1 }));
      const job = await next();
      expect(await late).toMatchObject({ code: 'ERR_GEARMAN_RESPONSE_TIMEOUT' });
      job.complete('late');
      expect(await client.submit('upper', 'x').text()).toBe('X');
    });

    test('an aborted signal ends a job here', async ({ client, work }) => {
      const { handler, next } = held();
      await work({ slow: handler });
      const abort = new AbortController();
      const job = errorOf(client.submit('slow', '', { signal: abort.signal }));
      await next();
      abort.abort(new Error('enough'));
      expect(await job).toMatchObject({ code: 'ERR_GEARMAN_JOB_CANCELLED', cause: { message: 'enough' } });
    });

    test('an option the server does not have is an event', async ({ client }) => {
      const refused = new Promise<ClientEvent>((resolve) => client.once('option-refused', resolve));
      client.setOption('no-such-option');
      expect(await refused).toMatchObject({ option: 'no-such-option' });
      expect(await client.echo('still there')).toMatchObject({ data: Buffer.from('still there') });
    });
  });

  describe(`Client, with ${name}: jobs in the server`, () => {
    test('a background job runs when a worker comes, also without its client', async ({ connect, work }) => {
      const client = connect();
      const ref = await client.submitBackground('later', 'x');
      expect(ref).toBeInstanceOf(JobRef);
      await client.close();
      const { handler, next } = held();
      await work({ later: handler });
      expect(await next()).toMatchObject({ handle: ref.handle, text: 'x' });
    });

    test('high jobs go before normal before low', async ({ client, work }) => {
      for (const priority of ['low', 'normal', 'high'] as const) {
        await client.submitBackground('p', priority, { priority });
        await client.submit('p', priority, { priority }).created;
      }
      const { handler, next } = held();
      await work({ p: handler });
      const order: string[] = [];
      for (let i = 0; i < 6; i++) order.push((await next()).text);
      expect(order).toEqual(['high', 'high', 'normal', 'normal', 'low', 'low']);
    });

    test('status() follows a job from the queue to its end', async ({ client, connect, work }) => {
      const job = client.submit('f', '', { uniqueId: 'status-1' });
      const ref = await job.created;
      const other = connect();
      const { server } = ref;
      const none = { known: false, running: false, numerator: 0, denominator: 0, fraction: 0, servers: [] };
      const queued = { ...none, known: true, servers: [server] };
      expect(await other.status(ref)).toEqual(queued);
      expect(await other.statusByUnique('status-1')).toEqual({ ...queued, clients: 1 });
      const { handler, next } = held();
      await work({ f: handler });
      const running = await next();
      const progressed = new Promise((resolve) => {
        job.once('status', resolve);
      });
      running.status(1, 4);
      await progressed;
      const half = { ...queued, running: true, numerator: 1, denominator: 4, fraction: 0.25 };
      expect(await other.status(String(ref))).toEqual(half);
      expect(await other.status(ref.handle)).toEqual(half);
      running.complete();
      await job;
      expect(await other.status(ref)).toEqual(none);
      expect(await other.statusByUnique('status-1')).toEqual({ ...none, clients: 0 });
    });

    test('jobs with one unique id are one, and each submit hears everything once', async ({
      client,
      connect,
      work,
    }) => {
      const jobs = [client, client, connect(), client].map((c) => c.submit('f', '', { uniqueId: 'one' }));
      const refs = await Promise.all(jobs.map((job) => job.created));
      expect(new Set(refs.map(String)).size).toBe(1);
      expect(String(await client.submitBackground('f', '', { uniqueId: 'one' }))).toBe(String(refs[0]));
      const { handler, next, jobs: waiting } = held();
      await work({ f: handler });
      const job = await next();
      for (const part of ['x', 'x', 'y']) job.data(part);
      job.complete('z');
      expect(await Promise.all(jobs.map((each) => each.text()))).toEqual(jobs.map(() => 'xxyz'));
      expect(waiting).toEqual([]);
    });
  });

  describe(`Client, with ${name}: connections`, () => {
    test('a server that dies loses the jobs it had, and the next ones reach it again', async ({
      server,
      connect,
      work,
      after,
    }) => {
      await work({ f: ignore });
      const client = connect({ reconnect: { type: 'fixed', minMs: 5 } });
      const job = client.submit('f');
      const ref = await job.created;
      await server.kill();
      expect(await errorOf(job)).toMatchObject({ code: 'ERR_GEARMAN_CONNECTION_LOST', ref });
      const waiting = client.submitBackground('f');
      const again = await start(server.port);
      after(() => again.stop());
      expect((await waiting).server).toBe(again.server);
    });

    test('a job waits for a server that starts later', async ({ after }) => {
      const port = await freePort();
      const client = createClient({ servers: `127.0.0.1:${port}`, reconnect: { type: 'fixed', minMs: 5 } });
      after(() => client.close());
      const refused = new Promise((resolve) => {
        client.once('connection-error', resolve);
      });
      const waiting = client.submitBackground('f');
      await refused;
      const server = await start(port);
      after(() => server.stop());
      expect((await waiting).server).toBe(server.server);
    });

    test('echo() measures the way there and back', async ({ client, server }) => {
      const { data, rttMs, server: answered } = await client.echo('ping');
      expect([Buffer.from(data).toString(), answered]).toEqual(['ping', server.server]);
      expect(rttMs).toBeGreaterThan(0);
    });
  });
}
