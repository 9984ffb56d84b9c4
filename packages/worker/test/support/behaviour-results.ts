import { Readable, Transform } from 'node:stream';
import { EMPTY, Observable, of, throwError } from 'rxjs';
import { concatWith } from 'rxjs/operators';
import { describe, expect, test } from 'vitest';
import type { HandlerResult, WorkerJob } from '../../src/index.ts';
import { gate, Stage, type StartServer } from './stage.ts';

async function* generate(...parts: readonly string[]): AsyncGenerator<string> {
  for (const part of parts) yield await Promise.resolve(part);
}

/** What clients get of what handlers return, whatever server is in between. */
export function describeResults(
  name: string,
  startServer: StartServer,
  options: { skip?: boolean } = {},
): void {
  describe.skipIf(options.skip === true)(`results of a worker of ${name}`, () => {
    const setUp = (): Stage => new Stage(startServer);

    test.each<[string, () => HandlerResult | Promise<HandlerResult>]>([
      ["Node's stream", () => Readable.from([Buffer.from('a'), Buffer.from('b')])],
      ['a web stream', () => Readable.toWeb(Readable.from(['a', 'b'])) as ReadableStream<string>],
      ['an async generator', () => generate('a', 'b')],
      ['a promise of an async generator', async () => generate('a', 'b')],
      ['an Observable', () => of('a', 'b')],
    ])('sends %s part by part, then the end', async (_, result) => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      worker.register('f', result);
      worker.register('whole', result, { output: 'buffer' });
      await worker.start();
      const client = await stage.client(server);
      const job = await client.submit('f');
      await job.ended;
      expect(job.story).toEqual(['WORK_DATA:a', 'WORK_DATA:b', 'WORK_COMPLETE:']);
      expect(await client.run('whole')).toBe('ab');
      expect(worker.status().running).toBe(0);
    });

    test.each<[string, () => HandlerResult]>([
      [
        "Node's stream",
        () =>
          Readable.from(
            (async function* () {
              yield 'a';
              throw new Error('broken');
            })(),
          ),
      ],
      [
        'an async generator',
        async function* () {
          yield 'a';
          throw new Error('broken');
        },
      ],
      ['an Observable', () => of('a').pipe(concatWith(throwError(() => new Error('broken'))))],
    ])('turns the error of %s into an exception behind its parts', async (_, result) => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      worker.register('f', result);
      await worker.start();
      const client = await stage.client(server);
      const job = await client.submit('f');
      await job.ended;
      expect(job.story).toEqual(['WORK_DATA:a', 'WORK_EXCEPTION:{"name":"Error","message":"broken"}']);
      const again = await client.submit('f');
      await again.ended;
      expect(again.story).toHaveLength(2);
    });

    test('moves megabytes from a stream, and frees its slot', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      const payload = Buffer.alloc(4_000_000, 'Gearman ');
      worker.register('f', (job) =>
        Readable.from(
          (function* () {
            for (let at = 0; at < job.payload.length; at += 65_536) {
              yield job.payload.subarray(at, at + 65_536);
            }
          })(),
        ),
      );
      await worker.start();
      const client = await stage.client(server);
      const job = await client.submit('f', payload);
      await job.ended;
      const whole = job.story.map((line) => line.slice(line.indexOf(':') + 1)).join('');
      expect(whole === payload.toString()).toBe(true);
    });

    test('pipes a payload through a transformation into the result', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      const upper = (): Transform =>
        new Transform({ transform: (chunk, _, done) => done(null, String(chunk).toUpperCase()) });
      worker.registerStream('pipe', (job) => {
        job.payload.pipe(upper()).pipe(job.stream());
      });
      worker.registerStream('return', (job) => job.payload.pipe(upper()));
      worker.registerStream('write', async (job) => {
        for await (const chunk of job.payload) await job.write(String(chunk).toUpperCase());
      });
      worker.register('option', (job) => job.payload.pipe(upper()), { payload: 'stream' });
      worker.register('duplex', (job) => {
        job.stream().pipe(upper()).pipe(job.stream());
      });
      await worker.start();
      const client = await stage.client(server);
      for (const name of ['pipe', 'return', 'write', 'option', 'duplex']) {
        const job = await client.submit(name, 'hello');
        await job.ended;
        expect([name, ...job.story]).toEqual([name, 'WORK_DATA:HELLO', 'WORK_COMPLETE:']);
      }
      expect(worker.status().running).toBe(0);
    });

    test('a stream that breaks ends its job with an exception', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      worker.registerStream('f', (job) => {
        job.stream().destroy(new Error('broken'));
      });
      await worker.start();
      const client = await stage.client(server);
      const job = await client.submit('f');
      await job.ended;
      expect(job.story).toEqual(['WORK_EXCEPTION:{"name":"Error","message":"broken"}']);
    });

    test('manual jobs end long after their handler has, in any order, and keep their slots until then', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server, { concurrency: 3 });
      const jobs: WorkerJob[] = [];
      const all = gate();
      worker.register(
        'f',
        (job) => {
          jobs.push(job);
          if (jobs.length === 3) all.open();
        },
        { manual: true },
      );
      await worker.start();
      const client = await stage.client(server);
      const submitted = await Promise.all(['1', '2', '3'].map((payload) => client.submit('f', payload)));
      await all.opened;
      expect(worker.status().running).toBe(3);
      jobs[2]?.complete('c');
      jobs[0]?.fail();
      jobs[1]?.exception(new Error('b'));
      await Promise.all(submitted.map(({ ended }) => ended));
      expect(submitted.flatMap(({ story }) => story)).toEqual(
        expect.arrayContaining([
          'WORK_COMPLETE:c',
          'WORK_FAIL',
          'WORK_EXCEPTION:{"name":"Error","message":"b"}',
        ]),
      );
      expect(worker.status().running).toBe(0);
    });

    test('hands out jobs as an Observable, and takes the function back on unsubscribing', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server, { concurrency: 4 });
      const subscription = worker.jobs$('f').subscribe((job) => job.complete(job.text().toUpperCase()));
      await worker.start();
      const client = await stage.client(server);
      expect(await Promise.all(['a', 'b'].map((text) => client.run('f', text)))).toEqual(['A', 'B']);
      subscription.unsubscribe();
      expect((await stage.status(server).until('f', ({ workers }) => workers === 0)).workers).toBe(0);
    });

    test('fails a job for nothing, null and false when asked to, as Ruby has it', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      const results = [undefined, null, false, '', 'x'] as const;
      worker.register('f', (job) => results[Number(job.text())], { falsyFails: true });
      await worker.start();
      const client = await stage.client(server);
      const stories = [];
      for (const index of results.keys()) {
        const job = await client.submit('f', String(index));
        await job.ended;
        stories.push(...job.story);
      }
      expect(stories).toEqual(['WORK_FAIL', 'WORK_FAIL', 'WORK_FAIL', 'WORK_COMPLETE:', 'WORK_COMPLETE:x']);
    });

    test('a result in parts that nobody wants any more is cancelled', async () => {
      await using stage = setUp();
      const server = await stage.server();
      const worker = stage.worker(server);
      const began = gate();
      const destroyed = gate();
      const unsubscribed = gate();
      const endless = new Readable({
        read: () => began.open(),
        destroy: (_, done) => {
          destroyed.open();
          done(null);
        },
      });
      worker.register('stream', () => endless);
      worker.register('observable', () => {
        const silence = new Observable<string>(() => () => unsubscribed.open());
        return EMPTY.pipe(concatWith(silence));
      });
      await worker.start();
      const client = await stage.client(server);
      await client.submit('stream');
      await began.opened;
      await server.kill();
      await destroyed.opened;
      const again = await stage.server(server.port);
      const started = gate();
      worker.once('job-start', () => started.open());
      await (await stage.client(again)).submit('observable');
      await started.opened;
      await worker.stop({ timeoutMs: 0 });
      await unsubscribed.opened;
    });
  });
}
