import { join } from 'node:path';
import { request } from '@gearman/protocol';
import { RawConnection } from '@gearman/testing';
import { expect, test } from 'vitest';
import { ask, gearmandOnFreePort } from '../support/gearmand.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const JOBS = 2000;
const AT_A_TIME = 50;
const FILLING = 'x'.repeat(1000);
/** Of 2.7 MB that all of them take when they are whole. */
const MEMORY = ['--max-memory-bytes', '500000'];

const payloadOf = (number: number): string => `${number} ${FILLING}`;

async function submit(port: number): Promise<void> {
  await using client = await RawConnection.open(port);
  for (let number = 0; number < JOBS; number++) {
    const workload = Buffer.from(payloadOf(number));
    client.send(request('SUBMIT_JOB_BG', { functionName: 'f', uniqueId: `u${number}`, workload }));
    if ((number + 1) % AT_A_TIME === 0)
      for (let i = 0; i < AT_A_TIME; i++) await client.expect('JOB_CREATED');
  }
}

/** Works until so many jobs are done. @returns their numbers */
async function work(port: number, jobs: number): Promise<number[]> {
  await using worker = await RawConnection.open(port);
  worker.send(request('CAN_DO', { functionName: 'f' }));
  const done: number[] = [];
  while (done.length < jobs) {
    worker.send(request('GRAB_JOB', {}));
    const packet = await worker.next();
    if (packet.type === 'NO_JOB') {
      worker.send(request('PRE_SLEEP', {}));
      await worker.expect('NOOP');
    } else if (packet.type === 'JOB_ASSIGN') {
      const text = Buffer.from(packet.workload).toString();
      const number = Number.parseInt(text, 10);
      expect(text === payloadOf(number)).toBe(true);
      done.push(number);
      worker.send(request('WORK_COMPLETE', { handle: packet.handle, data: new Uint8Array(0) }));
    }
  }
  return done;
}

test('a queue larger than memory outlives SIGKILL and runs in order', { timeout: 60_000 }, async () => {
  const directory = join(temporaryFolder(), 'jobs');
  const first = await gearmandOnFreePort('--data-dir', directory, ...MEMORY);
  await submit(first.port);
  expect(await ask({ port: first.port }, 'status')).toContain(`f\t${JOBS}\t0\t0\n`);
  const begun = await work(first.port, JOBS / 4);
  first.signal('SIGKILL');
  await first.ended;

  const second = await gearmandOnFreePort('--data-dir', directory, ...MEMORY);
  const left = Number(/^f\t(\d+)\t/m.exec(await ask({ port: second.port }, 'status'))?.[1]);
  // The last ends may not have reached the disk: those jobs run again.
  expect(left).toBeGreaterThanOrEqual(JOBS - begun.length);
  const rest = await work(second.port, left);
  expect(begun).toEqual(Array.from({ length: begun.length }, (_, i) => i));
  expect(rest).toEqual(Array.from({ length: left }, (_, i) => JOBS - left + i));
});
