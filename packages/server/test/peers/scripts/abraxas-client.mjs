import abraxas from 'abraxas';
import { answerRequests, bytes, payload, port, say } from './script.mjs';

const client = await new Promise((resolve, reject) => {
  abraxas.Client.connect({ servers: [`127.0.0.1:${port}`] }, (error, connected) =>
    error === null ? resolve(connected) : reject(new Error(String(error))),
  );
});
let handle = '';
client.on('connection-error', (error) => say('error', { message: String(error) }));

await answerRequests({ submit, status, echo, admin });
client.disconnect();

async function submit(request) {
  const options = { priority: request.priority, uniqueid: request.unique };
  if (request.background) {
    const submitted = client.submitJobBg(request.function, options, payload(request));
    handle = String(await submitted);
    return say('created', { handle });
  }
  const task = client.submitJob(request.function, options, payload(request));
  const chunks = [];
  task.on('created', () => say('created', { handle: task.jobid }));
  task.on('status', (fraction) => say('status', { fraction }));
  task.on('warn', (text) => say('warning', bytes(text)));
  task.on('data', (chunk) => chunks.push(chunk));
  await new Promise((resolve) => {
    task.once('end', () => resolve(say('complete', bytes(Buffer.concat(chunks)))));
    task.once('error', (error) => resolve(say('fail', { message: String(error) })));
  });
}

async function status() {
  const report = await new Promise((resolve) => client.getStatus(handle, (_, found) => resolve(found)));
  say('known', { known: report.known > 0, running: report.running > 0, fraction: report.complete });
}

async function echo() {
  say('echo', { same: String(await client.echo('hello')) === 'hello' });
}

async function admin() {
  say('admin', { functions: await client.status(), workers: await client.workers() });
}
