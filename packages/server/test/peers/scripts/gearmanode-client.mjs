import { once } from 'node:events';
import { load } from './gearmanode.mjs';
import { answerRequests, bytes, payload, port, say } from './script.mjs';

const client = load().client({ servers: [{ host: '127.0.0.1', port }] });
const [server] = client.jobServers;
client.on('jobServerError', (_, code, text) => say('error', { message: `${code}: ${text}` }));
let background;

server.setOption('exceptions');
await once(server, 'option');
await answerRequests({ submit, status, echo });
client.close();

async function submit(request) {
  const job = client.submitJob(request.function, payload(request), {
    priority: (request.priority ?? 'normal').toUpperCase(),
    background: request.background ?? false,
    ...(request.unique !== undefined && { unique: request.unique }),
  });
  job.on('workData', (data) => say('data', bytes(data)));
  job.on('warning', (data) => say('warning', bytes(data)));
  job.on('status', (status) =>
    say('status', {
      numerator: Number(status.percent_done_num),
      denominator: Number(status.percent_done_den),
    }),
  );
  const created = new Promise((resolve) => {
    job.on('created', () => resolve(say('created', { handle: job.handle })));
    server.once('jobServerError', resolve);
  });
  const ended = new Promise((resolve) => {
    job.on('complete', () => resolve(say('complete', bytes(job.response))));
    job.on('failed', () => resolve(say('fail')));
    job.on('exception', (data) => resolve(say('exception', bytes(data))));
    server.once('jobServerError', resolve);
  });
  await created;
  if (request.background) background = job;
  else await ended;
}

async function status() {
  background.removeAllListeners('status');
  const answer = once(background, 'status');
  background.getStatus();
  const [{ known, running, percent_done_num: numerator, percent_done_den: denominator }] = await answer;
  say('known', { known, running, numerator: Number(numerator), denominator: Number(denominator) });
}

async function echo() {
  const answer = once(server, 'echo');
  server.echo('hello');
  say('echo', { same: (await answer)[0] === 'hello' });
}
