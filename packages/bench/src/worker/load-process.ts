// Keeps jobs of `echo` in flight at a server and prints a Measurement: load-process PORT WINDOW SECONDS WORKER SERVER,
// the last two process ids.
import { Meter } from './measurement.ts';
import { connectSubmitter } from './submitter.ts';

/** One of the jobs in flight; as soon as it has its result it is submitted again. */
interface Job {
  readonly workload: Buffer;
  at: number;
}

const [port = 0, window = 0, seconds = 0, worker = 0, server = 0] = process.argv.slice(2).map(Number);
const meter = new Meter();
const uncreated: Job[] = [];
const running = new Map<string, Job>();

const submitter = await connectSubmitter(port, (packet) => {
  if (packet.type === 'JOB_CREATED') {
    const job = uncreated.shift();
    if (job === undefined) throw new Error('a job was created that nobody submitted');
    running.set(packet.handle, job);
  } else if (packet.type === 'WORK_COMPLETE') {
    const job = running.get(packet.handle);
    if (job === undefined) throw new Error('a job has ended that was not running');
    running.delete(packet.handle);
    if (job.workload.compare(packet.data) !== 0) meter.wrong();
    else meter.done(submitter.nowMs - job.at);
    submit(job);
  } else {
    throw new Error(`the worker sent ${packet.type}`);
  }
});
for (let i = 0; i < window; i++) {
  submit({ workload: Buffer.from(String(i).padStart(10, '0'), 'latin1'), at: 0 });
}
submitter.flush();
const measurement = await meter.measure(seconds, { worker, server });
process.stdout.write(`${JSON.stringify(measurement)}\n`, () => process.exit(0));

function submit(job: Job): void {
  job.at = submitter.nowMs;
  uncreated.push(job);
  submitter.submit('echo', job.workload);
}
