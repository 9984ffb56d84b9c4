import { Queue, QueueEvents } from 'bullmq';
import { contend, port } from './contender.ts';

const connection = { host: '127.0.0.1', port };
const queue = new Queue<string>('echo', { connection });
const events = new QueueEvents('echo', { connection });
await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
// One listener for each job in flight.
queue.setMaxListeners(0);
events.setMaxListeners(0);
// Without this its jobs stay in Redis for ever; one that is gone at once cannot be waited for.
const options = { removeOnComplete: { count: 10_000 } };
await contend(async (payload) => {
  const job = await queue.add('echo', payload.toString('latin1'), options);
  return (await job.waitUntilFinished(events)) as string;
});
process.exit(0);
