import { toProgress } from '../progress.ts';
import type { WorkerJob } from '../worker-job.ts';
import { type FromSandbox, fromPlainError, type PlainError, type ToSandbox } from './sandbox-messages.ts';

/** A job in the hands of an isolated handler: what can be had without the worker. See {@link WorkerJob}. */
export type SandboxJob = Pick<
  WorkerJob,
  | 'functionName'
  | 'handle'
  | 'server'
  | 'uniqueId'
  | 'payload'
  | 'signal'
  | 'text'
  | 'progress'
  | 'write'
  | 'warn'
  | 'log'
  | 'fail'
>;

type Assignment = Extract<ToSandbox, { type: 'job' }>;

/** See {@link SandboxJob}: tells the worker. */
export class RelayedJob implements SandboxJob {
  readonly functionName: string;
  readonly handle: string;
  readonly server: string;
  readonly uniqueId: string;
  readonly payload: Uint8Array;
  readonly #tell: (message: FromSandbox) => void;
  readonly #controller = new AbortController();
  readonly #writes = new Map<number, (error: PlainError | undefined) => void>();
  #lastWrite = 0;
  #hasFailed = false;

  constructor(assignment: Assignment, tell: (message: FromSandbox) => void) {
    this.functionName = assignment.functionName;
    this.handle = assignment.handle;
    this.server = assignment.server;
    this.uniqueId = assignment.uniqueId;
    this.payload = assignment.payload;
    this.#tell = tell;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** True when the handler has ended the job by `fail()`. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  text(): string {
    return Buffer.from(this.payload).toString('utf8');
  }

  progress(numerator: number, denominator?: number): void {
    this.#tell({ type: 'progress', numbers: toProgress(numerator, denominator) });
  }

  warn(message: Uint8Array | string): void {
    this.#tell({ type: 'warn', message });
  }

  log(message: string, fields: object = {}): void {
    this.#tell({ type: 'log', message, fields });
  }

  write(chunk: Uint8Array | string): Promise<void> {
    const id = ++this.#lastWrite;
    this.#tell({ type: 'write', id, chunk });
    return new Promise((resolve, reject) =>
      this.#writes.set(id, (error) => (error === undefined ? resolve() : reject(fromPlainError(error)))),
    );
  }

  fail(reason?: string): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#tell({ type: 'fail', reason });
  }

  onWritten(id: number, error: PlainError | undefined): void {
    this.#writes.get(id)?.(error);
    this.#writes.delete(id);
  }

  abort(reason: PlainError): void {
    this.#controller.abort(fromPlainError(reason));
  }
}
