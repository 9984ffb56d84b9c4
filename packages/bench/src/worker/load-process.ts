// Keeps jobs of `echo` in flight at a server and prints a Measurement: load-process PORT WINDOW SECONDS WORKER SERVER,
// the last two process ids.
import { Meter } from './measurement.ts';
import { connectSubmitter } from './submitter.ts';

interface Submitted {
  readonly text: string;
  readonly at: number;
}

const [port = 0, window = 0, seconds = 0, worker = 0, server = 0] = process.argv.slice(2).map(Number);
const meter = new Meter();
const uncreated: Submitted[] = [];
const running = new Map<string, Submitted>();
let jobs = 0;

const submitter = await connectSubmitter(port, (packet) => {
  if (packet.type === 'JOB_CREATED') {
    const job = uncreated.shift();
    if (job === undefined) meter.wrong();
    else running.set(packet.handle, job);
  } else if (packet.type === 'WORK_COMPLETE') {
    const job = running.get(packet.handle);
    const { buffer, byteOffset, length } = packet.data;
    if (job === undefined || Buffer.from(buffer, byteOffset, length).toString('latin1') !== job.text)
      meter.wrong();
    else meter.done(performance.now() - job.at);
    running.delete(packet.handle);
    submit();
  } else {
    meter.wrong();
    submit();
  }
});
for (let i = 0; i < window; i++) submit();
submitter.flush();
const measurement = await meter.measure(seconds, { worker, server });
process.stdout.write(`${JSON.stringify(measurement)}\n`, () => process.exit(0));

function submit(): void {
  const text = String(jobs++).padStart(10, '0');
  uncreated.push({ text, at: performance.now() });
  submitter.submit('echo', Buffer.from(text, 'latin1'));
}
