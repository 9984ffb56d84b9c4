import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { request } from '@gearman/protocol';
import { RawConnection } from '@gearman/testing';
import { expect, test } from 'vitest';
import { gearmandOnFreePort } from '../support/gearmand.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MIB = 2 ** 20;
const PAGE_BYTES = 4096;
const JOBS = 16;
const PAYLOAD = Buffer.alloc(8 * MIB, 'a large payload ');
/** All of them have twice as much. */
const MOST_GROWTH_BYTES = 64 * MIB;

function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * PAGE_BYTES;
}

test.runIf(process.platform === 'linux').each([
  { kind: 'foreground', type: 'SUBMIT_JOB', args: (folder: string) => ['--spool-dir', folder] },
  { kind: 'background', type: 'SUBMIT_JOB_BG', args: (folder: string) => ['--data-dir', folder] },
] as const)('large payloads of $kind jobs are at no time in memory', async ({ type, args }) => {
  const { pid, port } = await gearmandOnFreePort(...args(join(temporaryFolder(), 'jobs')));
  await using client = await RawConnection.open(port);
  await using worker = await RawConnection.open(port);
  worker.send(request('CAN_DO', { functionName: 'f' }), request('GRAB_JOB', {}));
  await worker.expect('NO_JOB');
  const before = residentBytes(pid);
  let most = before;
  for (let job = 0; job < JOBS; job++) {
    client.send(request(type, { functionName: 'f', uniqueId: '', workload: PAYLOAD }));
    await client.expect('JOB_CREATED');
    most = Math.max(most, residentBytes(pid));
  }
  for (let job = 0; job < JOBS; job++) {
    worker.send(request('GRAB_JOB', {}));
    const { handle, workload } = await worker.expect('JOB_ASSIGN');
    expect(PAYLOAD.equals(workload)).toBe(true);
    most = Math.max(most, residentBytes(pid));
    worker.send(request('WORK_COMPLETE', { handle, data: Buffer.alloc(0) }));
  }
  expect(most - before).toBeLessThan(MOST_GROWTH_BYTES);
});
