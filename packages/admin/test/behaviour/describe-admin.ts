import { encodeText, request } from '@gearman/protocol';
import { RawConnection, startRawWorker, type TestServer } from '@gearman/testing';
import { filter, firstValueFrom, map, take, toArray } from 'rxjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Admin, createAdmin, UnsupportedError } from '../../src/index.ts';

/** What every job server must answer in the same way. */
export function describeAdmin(name: string, start: () => Promise<TestServer>): void {
  describe(`createAdmin(), with ${name}`, () => {
    let server: TestServer;
    let admin: Admin;
    let client: RawConnection;
    beforeAll(async () => {
      server = await start();
      admin = createAdmin({ servers: server.server });
      client = await RawConnection.open(server.port);
    });
    afterAll(async () => {
      await client.close();
      await admin.close();
      await server.stop();
    });

    /** Queues a job that nobody takes; resolves with its handle. */
    const submit = async (
      functionName: string,
      uniqueId = '',
      type: 'SUBMIT_JOB_BG' | 'SUBMIT_JOB_HIGH_BG' = 'SUBMIT_JOB_BG',
    ) => {
      client.send(
        request(type, { functionName: encodeText(functionName), uniqueId, workload: new Uint8Array(1) }),
      );
      return (await client.expect('JOB_CREATED')).handle;
    };
    const rowOf = async (functionName: string) =>
      (await admin.status()).functions.find((row) => row.functionName === functionName);

    test('tells version, process id and log level', async () => {
      const [version, pid, verbose] = await Promise.all([admin.version(), admin.pid(), admin.verbose()]);
      expect(version).toEqual({
        answers: [{ server: server.server, value: expect.stringMatching(/^\d+\.\d+/) }],
        failures: [],
      });
      expect(pid.answers[0]?.value).toBeGreaterThan(1);
      expect(verbose.answers[0]?.value).toBe('ERROR');
    });

    test('counts jobs and workers of a function', async () => {
      const functionName = 'count me, ünlü\tname';
      expect(await rowOf(functionName)).toBeUndefined();
      await submit(functionName);
      await submit(functionName);
      const row = { functionName, total: 2, queued: 2, running: 0, workers: 0 };
      expect(await rowOf(functionName)).toEqual(row);
      await using _worker = await startRawWorker(server.port, { [functionName]: () => {} });
      const running = await until(
        () => rowOf(functionName),
        (now) => now?.running === 2,
      );
      expect(running).toEqual({ ...row, queued: 0, running: 2, workers: 1 });
    });

    test('counts waiting jobs by priority', async () => {
      await submit('priorities', '1', 'SUBMIT_JOB_HIGH_BG');
      await submit('priorities', '2');
      await submit('priorities', '3');
      const { functions } = await admin.priorityStatus();
      expect(functions.find((row) => row.functionName === 'priorities')).toEqual({
        functionName: 'priorities',
        high: 1,
        normal: 2,
        low: 0,
        workers: 0,
      });
    });

    test('lists connections with their names and functions, newest first', async () => {
      await using worker = await RawConnection.open(server.port);
      worker.send(
        request('SET_CLIENT_ID', { clientId: 'worker-7' }),
        request('CAN_DO', { functionName: 'one' }),
        request('CAN_DO', { functionName: 'two' }),
        request('ECHO_REQ', { data: new Uint8Array(0) }),
      );
      await worker.expect('ECHO_RES');
      const { workers, failures } = await admin.workers();
      expect(failures).toEqual([]);
      expect(workers.filter(({ clientId }) => clientId === 'worker-7')).toEqual([
        {
          server: server.server,
          connectionId: expect.any(Number),
          address: '127.0.0.1',
          clientId: 'worker-7',
          functionNames: ['two', 'one'],
        },
      ]);
      // The client of this test and the admin's own connection.
      expect(workers.filter(({ clientId }) => clientId === null).length).toBeGreaterThanOrEqual(2);
    });

    test('lists jobs and unique ids, also one that is a full stop', async () => {
      const handle = await submit('listed', '.');
      await submit('listed', 'an id');
      await submit('listed');
      const { jobs } = await admin.jobs();
      expect(jobs.find((job) => job.handle === handle)).toEqual({
        server: server.server,
        handle,
        retries: 0,
        abandoned: false,
        stored: true,
      });
      const ids = (await admin.uniqueJobs()).jobs.map(({ uniqueId }) => uniqueId);
      expect(ids.length).toBe(jobs.length);
      for (const id of ['.', 'an id', '']) expect(ids).toContain(id);
    });

    test('creates and drops functions', async () => {
      await admin.createFunction('reverse');
      await admin.createFunction('reverse');
      expect(await rowOf('reverse')).toEqual({
        functionName: 'reverse',
        total: 0,
        queued: 0,
        running: 0,
        workers: 0,
      });
      await admin.dropFunction('reverse');
      expect(await rowOf('reverse')).toBeUndefined();
      await expect(admin.dropFunction('reverse')).rejects.toMatchObject({
        code: 'ERR_GEARMAN_NOT_FOUND',
        message: `${server.server} has no function "reverse"`,
      });
    });

    test('does not drop a function that a worker offers', async () => {
      await using _worker = await startRawWorker(server.port, { busy: () => {} });
      await expect(admin.dropFunction('busy')).rejects.toMatchObject({
        code: 'ERR_GEARMAN_FUNCTION_IN_USE',
        functionName: 'busy',
      });
    });

    test('limits queues', async () => {
      await admin.createFunction('limited');
      await admin.maxQueue('limited', 1);
      await submit('limited', '1');
      client.send(
        request('SUBMIT_JOB_BG', { functionName: 'limited', uniqueId: '2', workload: new Uint8Array(1) }),
      );
      expect(await client.expect('ERROR')).toMatchObject({ code: 'QUEUE_ERROR' });
      await admin.maxQueue('limited', { normal: 2 });
      await submit('limited', '2');
      await admin.maxQueue('limited', null);
      await submit('limited', '3');
    });

    test('cancels jobs by reference and by handle', async () => {
      const [first, second] = [await submit('doomed', '1'), await submit('doomed', '2')];
      await admin.cancelJob(`${server.server}//${first}`);
      await admin.cancelJob(second);
      await expect(admin.cancelJob('H:nowhere:1')).rejects.toMatchObject({ code: 'ERR_GEARMAN_NOT_FOUND' });
      const left = (await admin.jobs()).jobs.filter((job) => !job.abandoned).map(({ handle }) => handle);
      expect(left).not.toContain(first);
      expect(left).not.toContain(second);
    });

    test('says that it does not know a command', async () => {
      await expect(admin.shutdown({ graceful: true })).rejects.toThrow(UnsupportedError);
    });

    test('sends any command and returns what came', async () => {
      const { answers } = await admin.command('what is this');
      expect(answers).toEqual([
        { server: server.server, value: ['ERR UNKNOWN_COMMAND Unknown+server+commandwhat'] },
      ]);
      expect((await admin.command('show jobs')).answers[0]?.value.at(-1)).toBe('.');
    });

    test('tells when the server hangs up, and connects again for the next command', async () => {
      await expect(admin.command('six words are one too many')).rejects.toMatchObject({
        code: 'ERR_GEARMAN_CONNECTION_LOST',
      });
      expect((await admin.version()).answers.length).toBe(1);
    });

    test('answers many commands at once, each its own', async () => {
      const versions = await Promise.all(
        Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? admin.version() : admin.status())),
      );
      expect(versions.every(({ failures }) => failures.length === 0)).toBe(true);
    });

    test('does several things with each server', async () => {
      const { answers, failures } = await admin.each(async (one) => {
        await one.createFunction('each');
        await one.maxQueue('each', 1);
        return [one.server, await one.version(), await one.pid()];
      });
      expect(answers).toEqual([
        {
          server: server.server,
          value: [server.server, expect.stringMatching(/^\d/), expect.any(Number)],
        },
      ]);
      expect(failures).toEqual([]);
    });

    test('with a prefix, shows and names only what has it', async () => {
      await using shop = createAdmin({ servers: server.server, prefix: 'shop' });
      await using _worker = await startRawWorker(server.port, { 'shop\tmail': () => {}, other: () => {} });
      await shop.createFunction('resize');
      const { functions } = await shop.status();
      expect(functions.map(({ functionName, workers }) => [functionName, workers])).toEqual([
        ['mail', 1],
        ['resize', 0],
      ]);
      const { workers } = await shop.workers();
      expect(workers.map(({ functionNames }) => functionNames)).toEqual([['mail']]);
      expect((await rowOf('shop\tresize'))?.total).toBe(0);
      await shop.dropFunction('resize');
      expect(await rowOf('shop\tresize')).toBeUndefined();
    });

    test('shows how a function changes', async () => {
      const deltas = firstValueFrom(
        admin.changes$({ intervalMs: 5 }).pipe(
          filter(({ functionName }) => functionName === 'changing'),
          map(({ type, change }) => [type, change.queued]),
          take(2),
          toArray(),
        ),
      );
      await submit('changing', '1');
      const waits = await until(
        () => Promise.race([deltas.then(() => true), submit('changing').then(() => false)]),
        (done) => done,
      );
      expect(waits).toBe(true);
      const [first, second] = await deltas;
      expect(first?.[0]).toBe('added');
      expect(second).toEqual(['changed', expect.any(Number)]);
    });

    test('shows changes', async () => {
      const changes = admin.poll$({ intervalMs: 5 });
      const seen = firstValueFrom(
        changes.pipe(filter(({ functions }) => functions.some((row) => row.functionName === 'watched'))),
      );
      await admin.createFunction('watched');
      const { functions, failures, workers } = await seen;
      expect(failures).toEqual([]);
      expect(workers.length).toBeGreaterThan(0);
      const names = functions.map(({ functionName }) => functionName);
      expect(names).toEqual(names.toSorted());
    });
  });
}

/** Looks again until what it sees will do: what a server did with a packet can only be asked. */
async function until<T>(look: () => Promise<T>, isEnough: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await look();
    if (isEnough(value)) return value;
  }
}
