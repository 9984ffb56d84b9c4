import { type ChildProcess, fork } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { builtFile } from '../supervisor/built-file.ts';
import type { FromSandbox, ToSandbox } from './sandbox-messages.ts';

/** How a thread or process ended. */
export interface CellEnd {
  /** In words: `thread ended with code 1`. */
  readonly how: string;
  readonly exitCode: number | undefined;
  /** What nobody caught in it. */
  readonly error: Error | undefined;
}

/** A thread or a process that runs one job at a time. */
export interface Cell {
  /** Never rejects. */
  readonly ended: Promise<CellEnd>;
  /** Who hears what the sandbox tells. */
  onMessage: (message: FromSandbox) => void;
  tell(message: ToSandbox): void;
  /** Whether it keeps this process alive: one that works does, one that waits does not. */
  hold(isHeld: boolean): void;
  /** Ends it at once, whatever it does. */
  kill(): Promise<unknown>;
}

/** What a cell is made of. */
export interface CellOptions {
  readonly moduleUrl: string;
  readonly maxMemoryBytes: number | undefined;
  readonly execArgv: readonly string[];
}

const SANDBOX = 'isolate/sandbox.js';
const MIB = 1024 * 1024;

export class ThreadCell implements Cell {
  readonly ended: Promise<CellEnd>;
  onMessage: (message: FromSandbox) => void = () => {};
  readonly #thread: Worker;

  constructor({ moduleUrl, maxMemoryBytes, execArgv }: CellOptions) {
    this.#thread = new Worker(builtFile(SANDBOX), {
      workerData: { moduleUrl },
      execArgv: [...execArgv],
      ...(maxMemoryBytes !== undefined && {
        resourceLimits: { maxOldGenerationSizeMb: Math.max(4, maxMemoryBytes / MIB) },
      }),
    });
    let error: Error | undefined;
    this.#thread.on('error', (thrown) => {
      error = thrown instanceof Error ? thrown : new Error(String(thrown));
    });
    this.#thread.on('message', (message: FromSandbox) => this.onMessage(message));
    this.ended = new Promise((resolve) => {
      this.#thread.once('exit', (exitCode) =>
        resolve({ how: `thread ended with code ${exitCode}`, exitCode, error }),
      );
    });
    this.hold(false);
  }

  tell(message: ToSandbox): void {
    // A payload of its own has been made for it.
    const transfer = message.type === 'job' ? [message.payload.buffer as ArrayBuffer] : [];
    this.#thread.postMessage(message, transfer);
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#thread.ref();
    else this.#thread.unref();
  }

  kill(): Promise<unknown> {
    return this.#thread.terminate();
  }
}

export class ProcessCell implements Cell {
  readonly ended: Promise<CellEnd>;
  onMessage: (message: FromSandbox) => void = () => {};
  readonly #process: ChildProcess;

  constructor({ moduleUrl, maxMemoryBytes, execArgv }: CellOptions) {
    const limit =
      maxMemoryBytes === undefined
        ? []
        : [`--max-old-space-size=${Math.max(4, Math.round(maxMemoryBytes / MIB))}`];
    this.#process = fork(builtFile(SANDBOX), [moduleUrl], {
      execArgv: [...execArgv, ...limit],
      serialization: 'advanced',
      // The last one is for the guard.
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', 'pipe'],
    });
    let error: Error | undefined;
    this.#process.on('message', (message) => this.onMessage(message as FromSandbox));
    this.ended = new Promise((resolve) => {
      this.#process.on('error', (thrown) => {
        error = thrown;
        if (this.#process.pid === undefined) {
          resolve({ how: 'process could not be started', exitCode: undefined, error });
        }
      });
      this.#process.once('exit', (exitCode, signal) => {
        const how =
          signal === null ? `process ended with code ${exitCode}` : `process was ended by ${signal}`;
        resolve({ how, exitCode: exitCode ?? undefined, error });
      });
    });
    this.hold(false);
    const guard = this.#process.stdio[4];
    guard?.on('error', () => {});
    // It is a socket, whatever its type says.
    if (guard !== undefined && guard !== null && 'unref' in guard && typeof guard.unref === 'function')
      guard.unref();
  }

  tell(message: ToSandbox): void {
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  hold(isHeld: boolean): void {
    const change = isHeld ? 'ref' : 'unref';
    this.#process[change]();
    this.#process.channel?.[change]();
  }

  kill(): Promise<unknown> {
    // Its end is waited for.
    this.hold(true);
    this.#process.kill('SIGKILL');
    return this.ended;
  }
}
