import abraxas from 'abraxas';
import { port, prefix, say } from './script.mjs';

const client = abraxas.Client.connect({ servers: [`127.0.0.1:${port}`] });
// It sends WORK_FAIL behind every WORK_EXCEPTION, for servers that want both.
client.on('connection-error', (error) => process.stderr.write(`${error}\n`));

const functions = {
  echo: (task) => {
    took(task);
    return task.payload;
  },
  busy: (task) => {
    task.status(0.5);
    task.warn('careful');
    return 'done';
  },
  empty: (task) => task.end(),
  exception: () => {
    throw new Error('boom');
  },
  // Never settles: until it is killed.
  hang: (task) => took(task),
};

for (const [name, run] of Object.entries(functions)) client.registerWorker(prefix + name, run);

function took(task) {
  const { payload, uniqueid: unique } = task;
  const base64 = payload.length > 1024 ? null : Buffer.from(payload).toString('base64');
  say('took', { unique, size: payload.length, base64 });
}
