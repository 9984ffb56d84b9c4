import { InvalidArgumentError } from '@gearman/protocol';
import {
  type Awaitable,
  andThen,
  type CodecContract,
  codecContract,
  codecOf,
  decodeInput,
  encodeChunk,
  encodeOutput,
  type FunctionContract,
  type GivenCodec,
  isContract,
  type JobDataOf,
  type ReturnOf,
  ValidationError,
  type WrittenChunkOf,
  withoutCodec,
} from '@gearman/protocol/payload';
import type { RunningJob } from './job.ts';
import { JobView } from './job-view.ts';
import type { AnyRegisterOptions, RegisterOptions } from './register-options.ts';
import type { EntryHandler } from './registry.ts';
import { isNoValue, isThenable } from './result.ts';
import type { WorkerJob } from './worker-job.ts';

/** A job of a function with a contract. */
export interface ContractJob<C extends FunctionContract = FunctionContract>
  extends Omit<WorkerJob, 'stream' | 'write' | 'complete'> {
  /** What the client sent, decoded, and as the schema of the contract gives it. */
  readonly data: JobDataOf<C>;
  /**
   * Sends a chunk ahead of the result, at once; chunks stay in order. Otherwise as {@link WorkerJob.write}; also rejects
   * with `ERR_GEARMAN_INVALID_OUTPUT`. A chunk that could not be sent ends the job with an exception when the handler
   * returns.
   */
  write(chunk: WrittenChunkOf<C>): Promise<void>;
  /**
   * Ends the job with a result.
   *
   * @throws ValidationError `ERR_GEARMAN_INVALID_OUTPUT` for one that breaks the contract, unless its schema is
   * asynchronous: then the job ends with it
   */
  complete(result: ReturnOf<C>): void;
}

/**
 * What a handler of a contract may return, or promise: the result; or chunks, by an async generator, which may return the
 * result at its end.
 */
export type ContractResult<C extends FunctionContract> =
  | ReturnOf<C>
  // biome-ignore lint/suspicious/noConfusingVoidType: a generator without a return statement returns void.
  | AsyncIterable<WrittenChunkOf<C>, ReturnOf<C> | void>;

/**
 * Does the work of a function with a contract. It is not called for input that breaks the contract: then the client gets
 * an exception with `ERR_GEARMAN_INVALID_INPUT`. Otherwise as {@link Handler}.
 */
export type ContractHandler<C extends FunctionContract> = (
  job: ContractJob<C>,
) => ContractResult<C> | Promise<ContractResult<C>>;

/** A handler of a function without a contract whose payloads a codec carries. */
export type CodecHandler<Value, Part> = ContractHandler<CodecContract<Value, Part>>;

/** The contract of what is registered; undefined for handlers of bytes. @throws InvalidArgumentError */
export function contractOf(
  target: string | FunctionContract,
  options: GivenCodec,
): FunctionContract | undefined {
  const codec = codecOf(options);
  if (typeof target !== 'object' || target === null) return codec && codecContract(target, codec);
  if (isContract(target)) return codec === undefined ? target : { ...target, codec };
  throw new InvalidArgumentError(
    'register(): the function must be its name, or a contract made with defineFunction()',
  );
}

/** What a contract, its handler and options are for the worker: bytes in, bytes out. @throws InvalidArgumentError */
export function byContract(
  contract: FunctionContract,
  handler: ContractHandler<FunctionContract>,
  given: AnyRegisterOptions & GivenCodec,
): { readonly name: string; readonly run: EntryHandler; readonly settings: RegisterOptions } {
  const { payload, ...options } = withoutCodec(given);
  const { name, chunk, defaults } = contract;
  if (payload === 'stream') {
    throw new InvalidArgumentError(`register(): payload: "${name}" has a contract, which needs all of it`);
  }
  if (chunk !== undefined && options.output === 'buffer') {
    throw new InvalidArgumentError(`register(): output: chunks of "${name}" cannot be put together`);
  }
  const { runTimeoutMs } = defaults;
  const settings = runTimeoutMs === undefined ? options : { timeoutMs: runTimeoutMs, ...options };
  // The worker says what is wrong with a handler that is none.
  if (typeof handler !== 'function') return { name, run: handler, settings };
  return { name, run: (job) => runByContract(contract, handler, options, job), settings };
}

/** No promise unless the handler or a schema makes one. */
function runByContract(
  contract: FunctionContract,
  handler: ContractHandler<FunctionContract>,
  options: RegisterOptions,
  job: RunningJob,
): unknown {
  return andThen(decodeInput(contract, job.payload), (data) => {
    const view = new JobWithContract(job, contract, data, options);
    const result: unknown = handler(view);
    return isThenable(result)
      ? Promise.resolve(result).then((value) => view.finish(value))
      : view.finish(result);
  });
}

/** The types of a contract are for those who write handlers; here values are checked, not typed. */
class JobWithContract extends JobView implements ContractJob {
  readonly data: unknown;
  readonly #contract: FunctionContract;
  readonly #options: RegisterOptions;
  /** What has to be sent before the job can end; undefined for nothing. Never rejects. */
  #tail: Promise<void> | undefined;
  /** A chunk that could not be sent. */
  #failure: { readonly error: unknown } | undefined;

  constructor(job: RunningJob, contract: FunctionContract, data: unknown, options: RegisterOptions) {
    super(job);
    this.#contract = contract;
    this.data = data;
    this.#options = options;
  }

  get payload(): Uint8Array {
    return this.job.payload;
  }

  text(): string {
    return this.job.text();
  }

  write(chunk: unknown): Promise<void> {
    let bytes: Awaitable<Uint8Array>;
    try {
      bytes = encodeChunk(this.#contract, chunk);
    } catch (error) {
      // Nothing else is thrown.
      if (!(error instanceof ValidationError)) throw error;
      // Before the handler returns, which it may do at once.
      this.#failure ??= { error };
      return this.#withFailure(Promise.reject(error));
    }
    if (this.#tail === undefined && !(bytes instanceof Promise)) return this.job.write(bytes);
    return this.#withFailure(this.#inTurn(bytes, (ready) => this.job.write(ready)));
  }

  complete(result: unknown): void {
    const bytes = encodeOutput(this.#contract, result);
    if (this.#tail === undefined && !(bytes instanceof Promise)) this.job.complete(bytes);
    else {
      const sent = this.#inTurn(bytes, (ready) => this.job.complete(ready));
      sent.catch((error: unknown) => this.job.exception(error));
    }
  }

  /** What the worker is to make of what the handler returned. */
  finish(value: unknown): unknown {
    if (typeof value === 'object' && value !== null && Symbol.asyncIterator in value) {
      // A contract that carries such objects cannot be written: they have no encoded form.
      return this.#sendChunks(value as AsyncIterable<unknown, unknown>);
    }
    const tail = this.#tail;
    return tail === undefined ? this.#result(value) : tail.then(() => this.#result(value));
  }

  #result(value: unknown): unknown {
    if (this.#failure !== undefined) throw this.#failure.error;
    const { manual = false, falsyFails = false } = this.#options;
    // The worker knows what these mean.
    if (this.ended || value instanceof Error || (falsyFails && isNoValue(value))) return value;
    if (manual && value === undefined) return undefined;
    return encodeOutput(this.#contract, value);
  }

  async #sendChunks(chunks: AsyncIterable<unknown, unknown>): Promise<unknown> {
    const iterator = chunks[Symbol.asyncIterator]();
    let exhausted = false;
    try {
      while (!this.ended) {
        this.signal.throwIfAborted();
        const { done, value } = await iterator.next();
        if (done === true) {
          exhausted = true;
          return await (this.#tail ?? Promise.resolve()).then(() => this.#result(value));
        }
        await this.write(value);
      }
      return undefined;
    } finally {
      if (!exhausted) await iterator.return?.();
    }
  }

  /** Who does not wait for a chunk must not bring the process down; the job has to tell nevertheless. */
  #withFailure(sent: Promise<void>): Promise<void> {
    sent.catch((error: unknown) => {
      this.#failure ??= { error };
    });
    return sent;
  }

  /** Sends bytes behind everything before, once they are checked. */
  #inTurn(bytes: Awaitable<Uint8Array>, send: (bytes: Uint8Array) => void | Promise<void>): Promise<void> {
    const before = this.#tail ?? Promise.resolve();
    // It may reject before its turn comes.
    if (bytes instanceof Promise) bytes.catch(() => {});
    const sent = before.then(async () => send(await bytes));
    const tail = sent.then(ignore, ignore);
    this.#tail = tail;
    void tail.then(() => {
      if (this.#tail === tail) this.#tail = undefined;
    });
    return sent;
  }
}

function ignore(): void {}
