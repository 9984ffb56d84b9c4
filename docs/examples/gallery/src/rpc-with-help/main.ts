// Calls tasks of a worker like methods, and asks it what it can do.
import { createClient } from '@gearman/client';
import { createWorker } from '@gearman/worker';
import { openJobServer } from '../support/job-server.ts';
import { createMail } from './mail.ts';

await using server = await openJobServer();
const { servers } = server;
const mailWorker = createMail();
await using worker = createWorker({ servers }).mount(mailWorker);
await worker.start();

await using client = createClient({ servers, contracts: mailWorker.contracts });
for (const [task, { description, args = {} }] of Object.entries(await client.help('mail'))) {
  console.log(`mail.${task}(${Object.keys(args).join(', ')}): ${description}`);
}

const { mail } = client.rpc();
console.log(await mail.send({ to: 'ada@example.org' }));
console.log(await mail.send({ to: 'grace@example.org', copies: 2 }));
console.log(await mail.count());

// What does not fit never leaves the client.
const outcome = await client.trySubmit('mail_send', { to: 'nobody' });
if (!outcome.ok) console.log(outcome.error.message);
