/** What runs in the processes of a supervisor. */
import { createWorker, type Worker } from '../worker.ts';
import { guardAgainstOrphanage } from './guard.ts';
import { loadModules, type Teardown } from './load-module.ts';
import type { ToChild, ToParent } from './messages.ts';

/** How much longer than its jobs a process may live without its supervisor. */
const LAST_MOMENTS_MS = 500;

type Start = Extract<ToChild, { type: 'start' }>;

class Runner {
  #worker: Worker | undefined;
  #teardowns: Teardown[] = [];
  #orphanTimeoutMs = 0;
  #isEnding = false;

  constructor() {
    process.on('message', (message) => this.#onMessage(message as ToChild));
    process.on('disconnect', () => void this.#end(this.#orphanTimeoutMs));
    process.on('SIGTERM', () => void this.#end(undefined));
    // A terminal sends these to all processes at once; the supervisor decides what they mean.
    process.on('SIGINT', () => {});
    process.on('SIGHUP', () => {});
  }

  #onMessage(message: ToChild): void {
    if (message.type === 'drain') void this.#end(message.timeoutMs);
    else void this.#start(message);
  }

  async #start({ source, worker: options, orphanTimeoutMs, reportIntervalMs }: Start): Promise<void> {
    this.#orphanTimeoutMs = orphanTimeoutMs;
    guardAgainstOrphanage(orphanTimeoutMs + LAST_MOMENTS_MS);
    try {
      const worker = createWorker(options);
      this.#worker = worker;
      this.#teardowns = await loadModules(worker, source);
      if (this.#isEnding) return;
      worker.on('start', () => void tell({ type: 'loaded' }));
      report(worker, reportIntervalMs);
      await worker.start();
      if (!this.#isEnding) void tell({ type: 'ready' });
    } catch (error) {
      if (this.#isEnding) return;
      this.#isEnding = true;
      await tell({ type: 'failed', message: messageOf(error), error: plain(error) });
      process.exit(1);
    }
  }

  /** No more jobs, the running ones may end; then this process ends, whatever a module has left open. */
  async #end(timeoutMs: number | undefined): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    try {
      await this.#worker?.stop(timeoutMs === undefined ? {} : { timeoutMs });
      for (const teardown of this.#teardowns) await teardown();
      process.exit(0);
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    }
  }
}

/** Figures soon after jobs came, and for as long as jobs run; nothing while nothing happens. */
function report(worker: Worker, intervalMs: number): void {
  let jobs = 0;
  let isDue = false;
  const tellLater = (): void => {
    if (isDue) return;
    isDue = true;
    setTimeout(tellNow, intervalMs).unref();
  };
  const tellNow = (): void => {
    isDue = false;
    const running = worker.running.length;
    void tell({ type: 'figures', jobs, running, memoryBytes: process.memoryUsage.rss() });
    // A job that runs for long may take more and more.
    if (running > 0) tellLater();
  };
  worker.on('job-start', () => {
    jobs++;
    tellLater();
  });
}

/** Resolves when it has been handed over; a supervisor that is gone hears nothing. */
function tell(message: ToParent): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, {}, () => resolve());
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What of an error survives the way to another process. */
function plain(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  const { name, message, stack } = error;
  return { name, message, stack };
}

new Runner();
