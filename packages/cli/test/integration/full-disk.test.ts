import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Packet, request } from '@gearman/protocol';
import { RawConnection, startRawWorker } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { ask, gearmand, gearmandOnFreePort } from '../support/gearmand.ts';
import { canMount, smallDisk } from '../support/small-disk.ts';

const isPossible = canMount();
if (!isPossible)
  process.stderr.write('SKIPPED: tests of full disks need to mount one, which is not permitted\n');

const PAYLOAD_BYTES = 20_000;
const AT_ONCE = 16;

const background = (text: string): Packet =>
  request('SUBMIT_JOB_BG', { functionName: 'f', uniqueId: '', workload: Buffer.from(text) });

/** Submits jobs until one is refused. */
async function fillUp(port: number): Promise<{ handles: string[]; refusals: string[] }> {
  await using client = await RawConnection.open(port);
  const handles: string[] = [];
  const refusals: string[] = [];
  while (refusals.length === 0) {
    for (let i = 0; i < AT_ONCE; i++) client.send(background('x'.repeat(PAYLOAD_BYTES)));
    for (let i = 0; i < AT_ONCE; i++) {
      const answer = await client.next();
      if (answer.type === 'JOB_CREATED') handles.push(answer.handle);
      else if (answer.type === 'ERROR') refusals.push(`${answer.code}: ${answer.text}`);
    }
  }
  return { handles, refusals };
}

async function answerTo(port: number, packet: Packet): Promise<Packet> {
  await using client = await RawConnection.open(port);
  client.send(packet);
  return await client.next();
}

describe.runIf(isPossible)('on a full disk', () => {
  test('new background jobs are refused, the others run, a restart finds them, and with room there are new ones', async () => {
    const directory = join(smallDisk('size=64m'), 'jobs');
    const first = await gearmandOnFreePort('--data-dir', directory);
    const { handles, refusals } = await fillUp(first.port);
    expect(handles.length * PAYLOAD_BYTES).toBeGreaterThan(24 * 1024 * 1024);
    for (const refusal of refusals)
      expect(refusal).toMatch(/^QUEUE_ERROR: The job cannot be stored: .* takes no more jobs: ENOSPC/);
    const foreground = request('SUBMIT_JOB', { functionName: 'g', uniqueId: '', workload: Buffer.alloc(0) });
    expect(await answerTo(first.port, foreground)).toMatchObject({ type: 'JOB_CREATED' });
    await first.logs('the store takes no jobs; those it has go on');
    first.signal('SIGKILL');
    await first.ended;

    const second = await gearmandOnFreePort('--data-dir', directory);
    expect(await ask({ port: second.port }, 'status')).toContain(`f\t${handles.length}\t0\t0\n`);
    const ran = new Set<string>();
    await using worker = await startRawWorker(second.port, {
      f(job) {
        ran.add(job.handle);
        job.complete();
      },
    });
    await expect
      .poll(() => ask({ port: second.port }, 'status'), { timeout: 10_000 })
      .toContain('f\t0\t0\t1\n');
    expect([...ran].sort()).toEqual(handles.sort());
    await worker.stop();
    await expect
      .poll(() => answerTo(second.port, background('new')), { timeout: 5000 })
      .toMatchObject({ type: 'JOB_CREATED' });
    second.signal('SIGKILL');
    await second.ended;

    // What was completed on the full disk was recorded: with the job that came later, at the latest.
    const third = await gearmandOnFreePort('--data-dir', directory);
    expect(await ask({ port: third.port }, 'status')).toMatch(/^f\t1\t0\t0\n/);
  });

  test('for large payloads: theirs are refused with the cause, and all else goes on', async () => {
    const directory = smallDisk('size=8m');
    const { port } = await gearmandOnFreePort('--spool-dir', join(directory, 'spool'));
    await using client = await RawConnection.open(port);
    const submit = (bytes: number): Packet =>
      request('SUBMIT_JOB_BG', { functionName: 'f', uniqueId: '', workload: Buffer.alloc(bytes, 'x') });
    client.send(submit(5_000_000), submit(5_000_000), submit(10), submit(2_000_000));
    const first = await client.expect('JOB_CREATED');
    expect(await client.expect('ERROR')).toMatchObject({
      code: 'QUEUE_ERROR',
      text: expect.stringMatching(/^The job cannot be stored: ENOSPC/),
    });
    await client.expect('JOB_CREATED');
    await client.expect('JOB_CREATED');
    expect(await ask({ port }, `cancel job ${first.handle}`)).toBe('OK\r\n');
    await expect.poll(() => readdirSync(join(directory, 'spool'))).toHaveLength(2);
    client.send(submit(5_000_000));
    await client.expect('JOB_CREATED');
  });

  test('too small for a journal: code 4', async () => {
    const directory = join(smallDisk('size=8m'), 'jobs');
    const { code, stderr } = await gearmand(['--port=0', '--data-dir', directory]).ended;
    expect(stderr).toMatch(/^gearmand: .* takes no more jobs: ENOSPC/);
    expect(code).toBe(4);
  });

  test('that must not be written: code 4', async () => {
    const directory = smallDisk('ro');
    const { code, stderr } = await gearmand(['--port=0', '--data-dir', directory]).ended;
    expect(stderr).toMatch(/^gearmand: .* cannot be used: EROFS/);
    expect(code).toBe(4);
  });
});
