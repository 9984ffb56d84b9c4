// Submits one job of `stamp` after the other, each after a pause in which the worker falls asleep, and prints for each
// how long it took from there to its handler, in milliseconds, as a list in JSON: idle-process PORT JOBS PAUSE_MS
import type { Packet } from '@gearman/protocol';
import { connectSubmitter } from './submitter.ts';

const [port = 0, jobs = 0, pauseMs = 0] = process.argv.slice(2).map(Number);
const WARM_UP_JOBS = 50;
const waitsMs: number[] = [];
let hear: (packet: Packet) => void = () => {};
const submitter = await connectSubmitter(port, (packet) => {
  if (packet.type !== 'JOB_CREATED') hear(packet);
});

let naps = -1;
for (let i = -WARM_UP_JOBS; waitsMs.length < jobs; i++) {
  await new Promise((resolve) => {
    setTimeout(resolve, pauseMs);
  });
  const submittedAt = process.hrtime.bigint();
  submitter.submit('stamp', new Uint8Array());
  submitter.flush();
  const result = await new Promise<Packet>((resolve) => {
    hear = resolve;
  });
  if (result.type !== 'WORK_COMPLETE') throw new Error(`the worker sent ${result.type}`);
  const [startedAt = '', napsSoFar = ''] = Buffer.from(result.data).toString('latin1').split(' ');
  // A worker that counts its naps proves that it slept: one that did not is no measurement.
  const slept = napsSoFar === '' || Number(napsSoFar) > naps;
  naps = Number(napsSoFar);
  if (i >= 0 && slept) waitsMs.push(Number(BigInt(startedAt) - submittedAt) / 1e6);
  if (i > jobs * 2) throw new Error('the worker does not fall asleep');
}
process.stdout.write(JSON.stringify(waitsMs), () => process.exit(0));
