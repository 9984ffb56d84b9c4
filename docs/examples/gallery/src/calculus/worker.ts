// A worker process for one operation: node worker.js add
import { createWorker } from '@gearman/worker';
import { contractOf, OPERATIONS } from './operations.ts';

const [, , name = ''] = process.argv;
const operate = OPERATIONS.get(name);
if (operate === undefined) throw new Error(`there is no operation "${name}"`);

const worker = createWorker({ clientId: `calculus-${name}` });
worker.register(contractOf(name), ({ data: [a, b] }) => operate(a, b));
// It ends when its parent does, too.
worker.handleSignals();
await worker.start();
process.send?.('ready');
