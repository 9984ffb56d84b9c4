import { load } from './gearmanode.mjs';
import { port, prefix, say } from './script.mjs';

const worker = load().worker({ servers: [{ host: '127.0.0.1', port }], withUnique: true });
worker.on('jobServerError', (_, code, text) => process.stderr.write(`${code}: ${text}\n`));

const functions = {
  echo: (job) => {
    took(job);
    job.workComplete(job.payload);
  },
  busy: (job) => {
    job.reportStatus(1, 2);
    job.sendWorkData('part');
    job.reportWarning('careful');
    job.workComplete('done');
  },
  empty: (job) => job.workComplete(''),
  fail: (job) => job.reportError(),
  exception: (job) => job.reportException('boom'),
  // Never ends: until it is killed.
  hang: (job) => took(job),
};

for (const [name, run] of Object.entries(functions)) worker.addFunction(prefix + name, run);

function took({ payload, unique }) {
  say('took', {
    unique,
    size: payload.length,
    base64: payload.length > 1024 ? null : payload.toString('base64'),
  });
}
