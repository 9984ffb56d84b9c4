// Calls tasks of a worker like methods, and asks it what it can do.
import { createClient, JobExceptionError } from '@gearman/client';
import { createWorker } from '@gearman/worker';
import { openJobServer } from '../support/job-server.ts';
import { createMail, type MailApi } from './mail.ts';

await using server = await openJobServer();
const { servers } = server;
await using worker = createWorker({ servers }).mount(createMail());
await worker.start();

await using client = createClient({ servers });
for (const [task, { description, args = {} }] of Object.entries(await client.help('mail'))) {
  console.log(`mail.${task}(${Object.keys(args).join(', ')}): ${description}`);
}

const { mail } = client.rpc<MailApi>();
console.log(await mail.send({ to: 'ada@example.org' }));
console.log(await mail.send({ to: 'grace@example.org', copies: 2 }));
console.log(await mail.count());

// What does not fit never reaches the handler.
try {
  await mail.send({ to: 'nobody' });
} catch (error) {
  if (!(error instanceof JobExceptionError)) throw error;
  console.log(error.remote?.message);
}
