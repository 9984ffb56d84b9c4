import { createRequire } from 'node:module';
import util from 'node:util';
import { port } from './task.ts';

/** The part of gearmanode that is used here. */
interface Gearmanode {
  worker(options: object): {
    addFunction(name: string, handler: (job: GearmanodeJob) => void): void;
  };
}

interface GearmanodeJob {
  readonly payload: Buffer;
  workComplete(result: Buffer): void;
}

// It calls what Node 23 and later no longer have.
Object.assign(util, { isArray: Array.isArray });
const { worker: createWorker } = createRequire(import.meta.url)('gearmanode') as Gearmanode;
const worker = createWorker({ servers: [{ host: '127.0.0.1', port }] });
worker.addFunction('echo', (job) => job.workComplete(job.payload));
process.stdout.write('ready\n');
