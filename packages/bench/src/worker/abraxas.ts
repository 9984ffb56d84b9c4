import { createRequire } from 'node:module';
import { concurrency, port } from './task.ts';

/** The part of abraxas that is used here. */
interface Abraxas {
  readonly Client: {
    connect(
      options: { readonly servers: readonly string[]; readonly maxJobs: number },
      onConnect: (error: unknown, worker: AbraxasWorker) => void,
    ): void;
  };
}

interface AbraxasWorker {
  registerWorker(name: string, handler: (task: { readonly payload: Buffer }) => Buffer): void;
}

const { Client } = createRequire(import.meta.url)('abraxas') as Abraxas;
Client.connect({ servers: [`127.0.0.1:${port}`], maxJobs: concurrency }, (error, worker) => {
  if (error !== null) throw new Error('no connection', { cause: error });
  worker.registerWorker('echo', ({ payload }) => payload);
  process.stdout.write('ready\n');
});
