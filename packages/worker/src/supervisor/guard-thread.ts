import { Socket } from 'node:net';
import { workerData } from 'node:worker_threads';

// What guardAgainstOrphanage() sends.
const { fd, graceMs } = workerData as { readonly fd: number; readonly graceMs: number };

const pipe = new Socket({ fd, readable: true, writable: false });
// Every way in which a pipe ends means the same.
pipe.on('error', () => {});
pipe.once('close', () => setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs));
pipe.resume();
