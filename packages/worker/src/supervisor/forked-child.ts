import { type ChildProcess, fork } from 'node:child_process';
import type { Clock, Timer } from '@gearman/events';
import { builtFile } from './built-file.ts';
import type { Child, ChildEnd, ChildListener } from './child.ts';
import { ModuleError } from './errors.ts';
import { GUARD_FD, GUARDED_STDIO } from './guard.ts';
import { LineSplitter } from './lines.ts';
import type { ModuleSource, ToChild, ToParent } from './messages.ts';

/** What a process needs to know. */
export interface ForkOptions {
  readonly source: ModuleSource;
  readonly worker: object;
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly readyTimeoutMs: number;
  readonly orphanTimeoutMs: number;
  readonly reportIntervalMs: number;
  readonly clock: Clock;
}

/** How much longer than its jobs a process may take to end. */
const LAST_MOMENTS_MS = 500;

/** A process of Node.js that runs a worker. */
export class ForkedChild implements Child {
  readonly pid: number;
  readonly usable: Promise<void>;
  readonly ended: Promise<ChildEnd>;
  readonly #process: ChildProcess;
  readonly #options: ForkOptions;
  readonly #listener: ChildListener;
  #isLoaded = false;
  #failure: ModuleError | undefined;

  constructor(options: ForkOptions, listener: ChildListener) {
    const { source, worker, orphanTimeoutMs, reportIntervalMs, execArgv, env } = options;
    this.#options = options;
    this.#listener = listener;
    this.#process = fork(builtFile('supervisor/runner.js'), {
      execArgv: [...execArgv],
      env: { ...process.env, ...env },
      stdio: [...GUARDED_STDIO],
      serialization: 'advanced',
    });
    // Undefined when the system has no more processes to give; then `exit` never comes, but `error` does.
    this.pid = this.#process.pid ?? 0;
    this.ended = this.#watchEnd();
    this.usable = this.#watchStart();
    // Who does not wait for it hears of the end.
    this.usable.catch(() => {});
    // Nothing is written to it: it is there to be closed by the system.
    this.#process.stdio[GUARD_FD]?.on('error', () => {});
    this.#forward('stdout');
    this.#forward('stderr');
    this.#send({ type: 'start', source, worker, orphanTimeoutMs, reportIntervalMs });
  }

  async drain(timeoutMs: number): Promise<ChildEnd> {
    this.#send({ type: 'drain', timeoutMs });
    const { clock } = this.#options;
    const timer = Number.isFinite(timeoutMs)
      ? clock.setTimer(timeoutMs + LAST_MOMENTS_MS, () => this.kill())
      : undefined;
    const end = await this.ended;
    timer?.cancel();
    return end;
  }

  kill(): void {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#listener.onKilled();
    this.#process.kill('SIGKILL');
  }

  #send(message: ToChild): void {
    // It may have ended; then that is what matters.
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  #watchEnd(): Promise<ChildEnd> {
    return new Promise((resolve) => {
      this.#process.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
      this.#process.on('error', (error) => {
        this.#failure ??= new ModuleError(this.#options.source.name, 'the process cannot be started', {
          cause: error,
        });
        if (this.#process.pid === undefined) resolve({ exitCode: null, signal: null });
      });
    });
  }

  #watchStart(): Promise<void> {
    const { clock, readyTimeoutMs, source } = this.#options;
    return new Promise((resolve, reject) => {
      const timer: Timer = clock.setTimer(readyTimeoutMs, () => {
        if (this.#isLoaded) resolve();
        else {
          this.#failure = new ModuleError(
            source.name,
            `not loaded within ${readyTimeoutMs} ms (readyTimeoutMs)`,
          );
          this.kill();
        }
      });
      this.#process.on('message', (message) => {
        this.#onMessage(message as ToParent);
        if ((message as ToParent).type !== 'ready') return;
        timer.cancel();
        resolve();
      });
      void this.ended.then(({ exitCode, signal }) => {
        timer.cancel();
        const how = signal === null ? `with code ${exitCode}` : `by ${signal}`;
        reject(this.#failure ?? new ModuleError(source.name, `the process ended ${how} before it was ready`));
      });
    });
  }

  #onMessage(message: ToParent): void {
    if (message.type === 'loaded') this.#isLoaded = true;
    else if (message.type === 'ready') this.#listener.onReady();
    else if (message.type === 'figures') this.#listener.onFigures(message);
    else {
      const { source } = this.#options;
      this.#failure = new ModuleError(source.name, message.message, { cause: message.error });
    }
  }

  #forward(stream: 'stdout' | 'stderr'): void {
    const lines = new LineSplitter((line) => this.#listener.onOutput(stream, line));
    this.#process[stream]?.on('data', (chunk: Buffer) => lines.push(chunk)).on('end', () => lines.end());
  }
}
