import { type PacketType, type RequestType, request } from '@gearman/protocol';
import { RawConnection, startOurServer, startRawWorker, type TestServer } from '@gearman/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { ALL_BYTES, counting, described, textOf } from './support/payload.ts';
import { can, PEERS, required, startRelay, startWorker, versionOf } from './support/peers.ts';

/** A connection that has submitted one job and knows its handle. */
async function submit(
  { port }: TestServer,
  functionName: string,
  workload: Uint8Array | string,
  { type = 'SUBMIT_JOB', uniqueId = '' }: { type?: Submit; uniqueId?: string } = {},
): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  connection.send(request('OPTION_REQ', { option: 'exceptions' }));
  await connection.expect('OPTION_RES');
  connection.send(request(type, { functionName, uniqueId, workload: Buffer.from(workload) }));
  await connection.expect('JOB_CREATED');
  return connection;
}

type Submit = Extract<RequestType, 'SUBMIT_JOB' | `SUBMIT_JOB_${'HIGH_' | 'LOW_' | ''}BG`>;

async function result(client: RawConnection): Promise<Uint8Array> {
  return (await client.expect('WORK_COMPLETE')).data;
}

describe.each(PEERS)('a worker of $name', (peer) => {
  const version = versionOf(peer.probe);
  /** What it may return. */
  const alphabet = can(peer, 'worker: any bytes as result') ? 256 : 128;

  describe.skipIf(version === undefined && !required)(version ?? 'not installed', () => {
    beforeAll(() => {
      if (version === undefined) throw new Error(`${peer.name} is not installed: ${peer.probe.join(' ')}`);
    });

    test('runs one job after the other', async () => {
      await using server = await startOurServer();
      await using _worker = startWorker(peer, server.port);
      for (const bytes of [ALL_BYTES.subarray(0, alphabet), Buffer.from('x'), Buffer.from('y')]) {
        await using client = await submit(server, 'echo', bytes);
        expect(described(await result(client))).toEqual(described(bytes));
      }
    });

    test('takes a large payload with NULs and gives it back', async () => {
      const bytes = counting(peer.largestBytes, alphabet);
      await using server = await startOurServer();
      await using relay = await startRelay(server.port);
      await using _worker = startWorker(peer, peer.libgearman ? relay.port : server.port);
      await using client = await submit(server, 'echo', bytes);
      expect(described(await result(client))).toEqual(described(bytes));
    });

    test('tells progress, data and warnings', async () => {
      await using server = await startOurServer();
      await using _worker = startWorker(peer, server.port);
      await using client = await submit(server, 'busy', 'x');
      const { numerator, denominator } = await client.expect('WORK_STATUS');
      expect(Number(numerator) / Number(denominator)).toBe(0.5);
      if (can(peer, 'worker: send data'))
        expect(Buffer.from((await client.expect('WORK_DATA')).data).toString()).toBe('part');
      expect(Buffer.from((await client.expect('WORK_WARNING')).data).toString()).toBe('careful');
      expect(Buffer.from(await result(client)).toString()).toBe('done');
    });

    const endings: Partial<Record<string, PacketType>> = { exception: 'WORK_EXCEPTION' };
    if (can(peer, 'worker: fail without an exception')) endings['fail'] = 'WORK_FAIL';
    if (can(peer, 'worker: an empty result')) endings['empty'] = 'WORK_COMPLETE';

    test.each(Object.entries(endings))('ends "%s" with %s', async (name, packet = 'WORK_FAIL') => {
      await using server = await startOurServer();
      await using _worker = startWorker(peer, server.port);
      await using client = await submit(server, name, 'x');
      const end = await client.expect(packet);
      expect('data' in end ? Buffer.from(end.data).toString() : '').toMatch(
        name === 'exception' ? /^(Error: )?boom$/ : /^$/,
      );
    });

    test('takes background jobs by priority, and knows their unique ids', async () => {
      await using server = await startOurServer();
      for (const [index, priority] of (['LOW_', '', 'HIGH_'] as const).entries()) {
        const type: Submit = `SUBMIT_JOB_${priority}BG`;
        const client = await submit(server, 'echo', type, { type, uniqueId: `id ${index}` });
        await client.close();
      }
      await using worker = startWorker(peer, server.port);
      for (const [index, priority] of ['HIGH_', '', 'LOW_'].entries()) {
        const job = await worker.expect('took');
        expect(textOf(job)).toBe(`SUBMIT_JOB_${priority}BG`);
        if (can(peer, 'worker: know the unique id')) expect(job.unique).toBe(`id ${2 - index}`);
      }
    });

    test('is killed while it runs a job, and another one runs it', async () => {
      await using server = await startOurServer();
      await using worker = startWorker(peer, server.port);
      await using client = await submit(server, 'hang', 'payload');
      expect(textOf(await worker.expect('took'))).toBe('payload');
      await worker.kill();
      await using _other = await startRawWorker(server.port, { hang: (job) => job.complete(job.text) });
      expect(Buffer.from(await result(client)).toString()).toBe('payload');
    });
  });
});
