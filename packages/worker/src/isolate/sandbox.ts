/** What runs in the threads and processes of isolated handlers. */
import { parentPort, workerData } from 'node:worker_threads';
import { toParts } from '../result-parts.ts';
import { guardAgainstOrphanage } from '../supervisor/guard.ts';
import { RelayedJob, type SandboxJob } from './sandbox-job.ts';
import { type FromSandbox, type ToSandbox, toPlainError } from './sandbox-messages.ts';

/** The way to the worker. */
interface Line {
  tell(message: FromSandbox): void;
  listen(onMessage: (message: ToSandbox) => void): void;
}

type AnyHandler = (job: SandboxJob) => unknown;

function openLine(): { readonly line: Line; readonly moduleUrl: string } {
  const port = parentPort;
  if (port !== null) {
    return {
      line: {
        tell: (message) => port.postMessage(message),
        listen: (onMessage) => port.on('message', onMessage),
      },
      // What ThreadCell sends.
      moduleUrl: (workerData as { readonly moduleUrl: string }).moduleUrl,
    };
  }
  // Nobody is left who wants a result.
  process.on('disconnect', () => process.exit(1));
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.on(signal, () => {});
  guardAgainstOrphanage(0);
  return {
    line: {
      tell: (message) => void process.send?.(message, undefined, {}, () => {}),
      listen: (onMessage) => process.on('message', onMessage as (message: unknown) => void),
    },
    moduleUrl: process.argv[2] ?? '',
  };
}

async function loadHandler(moduleUrl: string): Promise<AnyHandler> {
  const loaded: { readonly default?: unknown } = await import(moduleUrl);
  if (typeof loaded.default !== 'function')
    throw new TypeError(`${moduleUrl} must export a handler as its default`);
  // Whatever it takes, it gets a job.
  return loaded.default as AnyHandler;
}

async function run(handler: AnyHandler, job: RelayedJob, line: Line): Promise<void> {
  try {
    const returned = await handler(job);
    if (job.hasFailed) return;
    if (returned instanceof Error) throw returned;
    const parts = toParts(returned);
    if (parts === undefined) {
      // The worker refuses what is neither bytes nor text.
      line.tell({ type: 'result', result: returned as string | undefined });
      return;
    }
    job.signal.addEventListener('abort', () => parts.cancel(job.signal.reason));
    await parts.each((part) => job.write(part as string));
    line.tell({ type: 'result', result: undefined });
  } catch (error) {
    if (!job.hasFailed) line.tell({ type: 'error', error: toPlainError(error) });
  }
}

async function main(): Promise<void> {
  const { line, moduleUrl } = openLine();
  let handler: Promise<AnyHandler> | undefined;
  let job: RelayedJob | undefined;
  line.listen((message) => {
    if (message.type === 'abort') job?.abort(message.reason);
    else if (message.type === 'written') job?.onWritten(message.id, message.error);
    else {
      const current = new RelayedJob(message, line.tell);
      job = current;
      // What keeps the module from loading was told.
      handler?.then((ready) => run(ready, current, line)).catch(() => {});
    }
  });
  handler = loadHandler(moduleUrl);
  try {
    await handler;
    line.tell({ type: 'loaded' });
  } catch (error) {
    line.tell({ type: 'not-loaded', error: toPlainError(error) });
  }
}

void main();
