import { request } from '@gearman/protocol';
import { VERSION } from '@gearman/server';
import { RawConnection, startOurServer, startRawWorker, type TestServer } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { required } from './support/peers.ts';
import { areToolsHere, runTool } from './support/tool.ts';

async function gearadmin({ port }: TestServer, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await runTool('gearadmin', port, args);
  expect(status).toBe(0);
  return stdout.toString() + stderr;
}

/** Queues a background job and returns its handle. */
async function queue({ port }: TestServer, functionName: string, uniqueId: string): Promise<string> {
  await using connection = await RawConnection.open(port);
  connection.send(request('SUBMIT_JOB_BG', { functionName, uniqueId, workload: Buffer.from('x') }));
  return (await connection.expect('JOB_CREATED')).handle;
}

describe.skipIf(!areToolsHere() && !required)('gearadmin', () => {
  test('--server-version, --server-verbose, --getpid', async () => {
    await using server = await startOurServer({ logLevel: 'NOTICE' });
    expect(await gearadmin(server, '--server-version')).toBe(`${VERSION}\n`);
    expect(await gearadmin(server, '--server-verbose')).toBe('NOTICE\n');
    expect(await gearadmin(server, '--getpid')).toBe(`${process.pid}\n`);
  });

  test('--status, --priority-status, --workers', async () => {
    await using server = await startOurServer();
    await queue(server, 'waiting', 'u');
    await using _worker = await startRawWorker(server.port, { idle: (job) => job.complete() });
    expect(rows(await gearadmin(server, '--status'))).toEqual(['.', 'idle\t0\t0\t1', 'waiting\t1\t0\t0']);
    expect(rows(await gearadmin(server, '--priority-status'))).toEqual([
      '.',
      'idle\t0\t0\t0\t1',
      'waiting\t0\t1\t0\t0',
    ]);
    expect(await gearadmin(server, '--workers')).toMatch(/^\d+ 127\.0\.0\.1 - : idle$/m);
  });

  test('--show-jobs, --show-unique-jobs, --cancel-job', async () => {
    await using server = await startOurServer();
    const handle = await queue(server, 'f', 'my id');
    expect(await gearadmin(server, '--show-jobs')).toBe(`${handle}\t0\t0\t1\n.\n`);
    expect(await gearadmin(server, '--show-unique-jobs')).toBe('my id\n.\n');
    expect(await gearadmin(server, '--cancel-job', handle)).toBe('OK\n');
    expect(await gearadmin(server, '--cancel-job', 'H:nobody:1')).toContain('Error: UNKNOWN_JOB');
  });

  test('--create-function, --drop-function', async () => {
    await using server = await startOurServer();
    expect(await gearadmin(server, '--create-function', 'made')).toBe('OK\n');
    expect(await gearadmin(server, '--status')).toContain('made\t0\t0\t0');
    expect(await gearadmin(server, '--drop-function', 'made')).toBe('OK\n');
    expect(await gearadmin(server, '--drop-function', 'made')).toContain('Error: function not found');
  });
});

/** Functions come in no promised order. */
const rows = (text: string): string[] => text.trim().split('\n').sort();
