import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { request } from '@gearman/protocol';
import { RawConnection, startRawWorker } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { ask, gearmand, gearmandOnFreePort, portIn } from '../support/gearmand.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const job = { functionName: 'f', uniqueId: '', workload: new Uint8Array(0) };

async function submit(port: number): Promise<{ client: RawConnection; handle: string }> {
  const client = await RawConnection.open(port);
  client.send(request('SUBMIT_JOB', job));
  return { client, handle: (await client.expect('JOB_CREATED')).handle };
}

test('--job-handle-prefix begins the handles', async () => {
  const { port } = await gearmandOnFreePort('--job-handle-prefix', 'H:mine');
  const { client, handle } = await submit(port);
  expect(handle).toMatch(/^H:mine:/);
  await client.close();
});

test('--exceptions sends them to everybody', async () => {
  const { port } = await gearmandOnFreePort('--exceptions');
  await using _worker = await startRawWorker(port, { f: (taken) => taken.exception('boom') });
  const { client } = await submit(port);
  await client.expect('WORK_EXCEPTION');
  await client.close();
});

test('--job-retries ends a job that keeps losing workers', async () => {
  const { port } = await gearmandOnFreePort('--job-retries=1');
  const { client } = await submit(port);
  const worker = await RawConnection.open(port);
  worker.send(request('CAN_DO', { functionName: 'f' }), request('GRAB_JOB', {}));
  await worker.expect('JOB_ASSIGN');
  await worker.close();
  await client.expect('WORK_FAIL');
  await client.close();
});

test('--worker-wakeup=0 wakes all who sleep', async () => {
  const { port } = await gearmandOnFreePort('-w0');
  const sleepers = await Promise.all([1, 2, 3].map(() => RawConnection.open(port)));
  for (const sleeper of sleepers) {
    sleeper.send(request('CAN_DO', { functionName: 'f' }), request('PRE_SLEEP', {}));
    sleeper.send(request('ECHO_REQ', { data: new Uint8Array(0) }));
    await sleeper.expect('ECHO_RES');
  }
  const { client } = await submit(port);
  for (const sleeper of sleepers) await sleeper.expect('NOOP');
  await Promise.all([...sleepers, client].map((connection) => connection.close()));
});

test('--protocol http takes jobs over HTTP', async () => {
  const server = await gearmandOnFreePort('--protocol=http', '--http-port=0');
  await server.logs('taking jobs over HTTP on');
  const [log] = /HTTP on 127\.0\.0\.1:\d+/.exec(server.stderr()) ?? [''];
  await using _worker = await startRawWorker(server.port, { f: (taken) => taken.complete('done') });
  const answer = await fetch(`http://127.0.0.1:${portIn(log)}/f`, { method: 'POST', body: 'x' });
  expect([answer.status, await answer.text()]).toEqual([200, 'done']);
});

test('limits are those of the command line', async () => {
  const { port } = await gearmandOnFreePort('--max-jobs=1');
  const { client } = await submit(port);
  client.send(request('SUBMIT_JOB', job));
  expect((await client.expect('ERROR')).code).toBe('QUEUE_ERROR');
  await client.close();
});

describe('--config-file', () => {
  test('is read, and the command line wins', async () => {
    const file = join(temporaryFolder(), 'gearmand.conf');
    writeFileSync(file, '--verbose=INFO\n--listen=127.0.0.1 --port 1\n');
    const port = portIn(await gearmand([`@${file}`, '--port', '0']).ready);
    expect(await ask({ port }, 'verbose')).toBe('OK INFO\n');
  });
});

describe('SIGUSR1', () => {
  test('ends an idle server at once', async () => {
    const server = await gearmandOnFreePort();
    server.signal('SIGUSR1');
    expect(await server.ended).toMatchObject({ code: 0, stderr: expect.not.stringContaining('Debugger') });
  });

  test('lets the server end when no job is left, queued ones too; who is connected may go on', async () => {
    const server = await gearmandOnFreePort('--verbose=INFO');
    const { client } = await submit(server.port);
    server.signal('SIGUSR1');
    await server.logs('ending when no job is left');
    await expect(RawConnection.open(server.port)).rejects.toThrow('ECONNREFUSED');

    client.send(request('SUBMIT_JOB', job));
    await client.expect('JOB_CREATED');
    client.send(request('CAN_DO', { functionName: 'f' }));
    for (const _ of [1, 2]) {
      client.send(request('GRAB_JOB', {}));
      const { handle } = await client.expect('JOB_ASSIGN');
      client.send(request('WORK_COMPLETE', { handle, data: new Uint8Array(0) }));
      await client.expect('WORK_COMPLETE');
    }
    expect((await server.ended).code).toBe(0);
    await client.close();
  });

  test('can be overruled by SIGTERM', async () => {
    const server = await gearmandOnFreePort('--verbose=INFO');
    const { client } = await submit(server.port);
    server.signal('SIGUSR1');
    await server.logs('ending when no job is left');
    server.signal('SIGTERM');
    expect((await server.ended).code).toBe(0);
    await client.close();
  });
});
