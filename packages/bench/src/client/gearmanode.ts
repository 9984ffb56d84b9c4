import { createRequire } from 'node:module';
import util from 'node:util';
import { contend, port } from './contender.ts';

/** The part of gearmanode that is used here. */
interface Gearmanode {
  client(options: object): GearmanodeClient;
}

interface GearmanodeClient {
  submitJob(name: string, payload: Buffer, options: object): GearmanodeJob;
  close(): void;
}

interface GearmanodeJob {
  readonly response: string;
  once(event: 'complete' | 'failed', listener: () => void): void;
}

// It calls what Node 23 and later no longer have.
Object.assign(util, { isArray: Array.isArray });
const { client: createClient } = createRequire(import.meta.url)('gearmanode') as Gearmanode;
const client = createClient({ servers: [{ host: '127.0.0.1', port }] });
await contend(
  (payload) =>
    new Promise((resolve, reject) => {
      const job = client.submitJob('echo', payload, {});
      job.once('complete', () => resolve(job.response));
      job.once('failed', () => reject(new Error('failed')));
    }),
);
client.close();
