import { request } from '@gearman/protocol';
import { RawConnection, type RawJob, startOurServer, startRawWorker } from '@gearman/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { deferred } from './support/deferred.ts';
import { ALL_BYTES, counting, described, textOf } from './support/payload.ts';
import { can, PEERS, required, startClient, startRelay, versionOf } from './support/peers.ts';

const base64 = (text: Uint8Array | string): string => Buffer.from(text).toString('base64');

describe.each(PEERS)('a client of $name', (peer) => {
  const version = versionOf(peer.probe);

  describe.skipIf(version === undefined && !required)(version ?? 'not installed', () => {
    beforeAll(() => {
      if (version === undefined) throw new Error(`${peer.name} is not installed: ${peer.probe.join(' ')}`);
    });

    test('gets results of any bytes, and empty ones', async () => {
      await using server = await startOurServer();
      await using _worker = await startRawWorker(server.port, { echo: (job) => job.complete(job.workload) });
      await using client = startClient(peer, server.port);
      const payloads: Uint8Array[] = [ALL_BYTES, Buffer.from('x')];
      if (can(peer, 'client: an empty payload')) payloads.push(new Uint8Array(0));
      for (const bytes of payloads) {
        client.ask({ do: 'submit', function: 'echo', base64: base64(bytes) });
        await client.expect('created');
        expect(await client.expect('complete')).toMatchObject(described(bytes));
      }
    });

    test('sends 32 MiB with NULs and gets back what it can take', async () => {
      const size = 32 * 1024 * 1024;
      await using server = await startOurServer();
      await using relay = await startRelay(server.port);
      const { promise: came, resolve } = deferred<{ size: number; sha1: string }>();
      await using _worker = await startRawWorker(server.port, {
        large: (job) => {
          resolve(described(job.workload));
          job.complete(job.workload.subarray(0, peer.largestBytes));
        },
      });
      await using client = startClient(peer, peer.libgearman ? relay.port : server.port);
      client.ask({ do: 'submit', function: 'large', size, alphabet: 256 });
      await client.expect('created');
      expect(await client.expect('complete')).toMatchObject(described(counting(peer.largestBytes, 256)));
      expect(await came).toEqual(described(counting(size, 256)));
    });

    test('hears of progress, data and warnings while the job runs', async () => {
      await using server = await startOurServer();
      await using _worker = await startRawWorker(server.port, {
        busy: (job) => {
          job.status(1, 2);
          if (can(peer, 'client: tell data from the result')) job.data('part');
          job.warning('careful');
          job.complete('done');
        },
      });
      await using client = startClient(peer, server.port);
      client.ask({ do: 'submit', function: 'busy', base64: base64('x') });
      await client.expect('created');
      expect(await client.expect('status')).toMatchObject(progress(1, 2));
      if (can(peer, 'client: tell data from the result'))
        expect(textOf(await client.expect('data'))).toBe('part');
      expect(textOf(await client.expect('warning'))).toBe('careful');
      expect(textOf(await client.expect('complete'))).toBe('done');
    });

    test('hears of a failure', async () => {
      await using server = await startOurServer();
      await using _worker = await startRawWorker(server.port, { fail: (job) => job.fail() });
      await using client = startClient(peer, server.port);
      client.ask({ do: 'submit', function: 'fail', base64: base64('x') });
      await client.expect('created');
      await client.expect('fail');
    });

    test('hears of an exception', async () => {
      await using server = await startOurServer();
      await using _worker = await startRawWorker(server.port, { exception: (job) => job.exception('boom') });
      await using client = startClient(peer, server.port);
      client.ask({ do: 'submit', function: 'exception', base64: base64('x') });
      await client.expect('created');
      if (can(peer, 'client: be told of an exception apart from a failure'))
        expect(textOf(await client.expect('exception'))).toBe('boom');
      else expect((await client.expect('fail'))['message']).toContain('boom');
    });

    test('submits in the background, and asks how far the job is', async () => {
      await using server = await startOurServer();
      const { promise: taken, resolve: handler } = deferred<RawJob>();
      await using client = startClient(peer, server.port);
      client.ask({ do: 'submit', function: 'later', background: true, base64: base64('payload') });
      const { handle } = await client.expect('created');
      client.ask({ do: 'status' });
      expect(await client.expect('known')).toMatchObject({ known: true, running: false, ...progress(0, 0) });

      await using _worker = await startRawWorker(server.port, { later: handler });
      const job = await taken;
      expect([job.handle, job.text]).toEqual([handle, 'payload']);
      job.status(3, 4);
      await inStep(server.port);
      client.ask({ do: 'status' });
      expect(await client.expect('known')).toMatchObject({ known: true, running: true, ...progress(3, 4) });
    });

    test('is served by priority', async () => {
      await using server = await startOurServer();
      await using client = startClient(peer, server.port);
      for (const priority of ['low', 'normal', 'high']) {
        client.ask({ do: 'submit', function: 'f', background: true, priority, base64: base64(priority) });
        await client.expect('created');
      }
      const order: string[] = [];
      const { promise: all, resolve } = deferred<void>();
      await using _worker = await startRawWorker(server.port, {
        f: (job) => {
          job.complete();
          if (order.push(job.text) === 3) resolve();
        },
      });
      await all;
      expect(order).toEqual(['high', 'normal', 'low']);
    });

    test('shares a job by its unique id', async () => {
      await using server = await startOurServer();
      await using client = startClient(peer, server.port);
      client.ask({ do: 'submit', function: 'merge', unique: 'same', base64: base64('first') });
      const { handle } = await client.expect('created');
      await using other = await RawConnection.open(server.port);
      const workload = Buffer.from('second');
      other.send(request('SUBMIT_JOB', { functionName: 'merge', uniqueId: 'same', workload }));
      expect((await other.expect('JOB_CREATED')).handle).toBe(handle);

      await using _worker = await startRawWorker(server.port, { merge: (job) => job.complete(job.text) });
      expect(textOf(await client.expect('complete'))).toBe('first');
      expect(Buffer.from((await other.expect('WORK_COMPLETE')).data).toString()).toBe('first');
    });

    test('notices nothing when a worker dies and another one takes the job', async () => {
      await using server = await startOurServer();
      const { promise: taken, resolve: handler } = deferred<RawJob>();
      await using mortal = await startRawWorker(server.port, { task: handler });
      await using client = startClient(peer, server.port);
      client.ask({ do: 'submit', function: 'task', base64: base64('payload') });
      await client.expect('created');
      await taken;
      await mortal.stop();
      await using _second = await startRawWorker(server.port, {
        task: (job) => job.complete(`${job.text} again`),
      });
      expect(textOf(await client.expect('complete'))).toBe('payload again');
    });

    if (can(peer, 'client: echo')) {
      test('gets its echo', async () => {
        await using server = await startOurServer();
        await using client = startClient(peer, server.port);
        client.ask({ do: 'echo' });
        expect(await client.expect('echo')).toMatchObject({ same: true });
      });
    }

    if (can(peer, 'client: admin')) {
      test('reads the admin commands', async () => {
        await using server = await startOurServer();
        await using client = startClient(peer, server.port);
        client.ask({ do: 'submit', function: 'counted', background: true, base64: base64('x') });
        await client.expect('created');
        client.ask({ do: 'admin' });
        expect(JSON.stringify((await client.expect('admin'))['functions'])).toContain('"counted":{');
      });
    }

    function progress(numerator: number, denominator: number): object {
      if (can(peer, 'client: exact progress')) return { numerator, denominator };
      return { fraction: denominator === 0 ? 0 : numerator / denominator };
    }
  });
});

/** Resolves when the server has read what other connections sent before. */
async function inStep(port: number): Promise<void> {
  await using connection = await RawConnection.open(port);
  connection.send(request('ECHO_REQ', { data: new Uint8Array(0) }));
  await connection.expect('ECHO_RES');
}
