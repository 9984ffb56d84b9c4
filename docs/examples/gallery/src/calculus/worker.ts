// A worker process for one operation: node worker.js add
import { defineFunction } from '@gearman/protocol/payload';
import { createWorker } from '@gearman/worker';
import { z } from 'zod';
import { OPERATIONS } from './operations.ts';

const [, , name = ''] = process.argv;
const operate = OPERATIONS.get(name);
if (operate === undefined) throw new Error(`there is no operation "${name}"`);

// The payload is JSON, [1,2], and so is the result.
const contract = defineFunction({ name, input: z.tuple([z.number(), z.number()]), output: z.number() });

const worker = createWorker({ clientId: `calculus-${name}` });
worker.register(contract, ({ data: [a, b] }) => operate(a, b));
process.once('disconnect', () => void worker.stop());
await worker.start();
process.send?.('ready');
