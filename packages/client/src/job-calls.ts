import type { Observable } from '@gearman/events';
import { GearmanError, type JobRef } from '@gearman/protocol';
import type { CodecOptions, HelpDocument, NoContracts, OutputOf } from '@gearman/protocol/payload';
import type { CallOf, Carried, CarriedBytes, ContractOf, JobOf, PlainName, Target } from './calls.ts';
import { ClientCollections } from './client-collections.ts';
import type { CallTarget } from './contract-calls.ts';
import { type HelpOptions, helpContract } from './help.ts';
import type { Job } from './job.ts';
import type { JobEvent } from './job-events.ts';
import { jobEvents$, jobResult$ } from './observables.ts';
import type { BackgroundOptions, SubmitOptions } from './options.ts';
import type { Outcome } from './outcome.ts';
import { createRpc, type Rpc, type RpcOf, type RpcOptions } from './rpc.ts';

/**
 * The ways to submit one job.
 *
 * The function is a contract, the name of one in the client's registry, or any other name. What is passed and what comes
 * back follow from that: with a contract, the values that its schemas describe; with the option `codec` or `encoding`, of
 * the call or of the client, what that carries; otherwise bytes. A payload that breaks its contract ends the job with
 * `ERR_GEARMAN_INVALID_INPUT`, and nothing is sent, or with `ERR_GEARMAN_INVALID_OUTPUT`.
 *
 * @typeParam R the registry of the client
 * @typeParam D what calls without a contract carry
 */
export abstract class JobCalls<R = NoContracts, D extends Carried = CarriedBytes> extends ClientCollections {
  /**
   * Submits a job and follows it to its result. It is sent at the end of this turn of the event loop, or when a server
   * is connected.
   *
   * @param target what a worker registered, at most 512 bytes, or its contract
   * @param input what the contract takes; without one bytes, or text that is sent as UTF-8. Bytes are not copied: leave
   * them alone until the job was created, or, with options after which it may be tried again, until it is over
   * @returns a {@link Job}: await it, iterate over it, listen to it
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` at once, for arguments that can never be sent.
   * Everything else the job rejects with, see {@link Job}
   */
  submit<T extends Target<R>>(
    target: T,
    ...call: CallOf<ContractOf<R, T>, SubmitOptions>
  ): JobOf<ContractOf<R, T>>;
  submit<N extends string, V = string, P = string>(
    functionName: PlainName<R, N>,
    data: NoInfer<V> | undefined,
    options: SubmitOptions & CodecOptions<V, P>,
  ): Job<V, P>;
  submit<N extends string>(
    functionName: PlainName<R, N>,
    data?: D['data'],
    options?: SubmitOptions,
  ): Job<D['value'], D['part']>;
  submit(target: CallTarget, data?: unknown, options?: SubmitOptions): Job<unknown, unknown> {
    return this.calls.submit(target, data, options);
  }

  /**
   * Submits a job that goes on without this client, and whose result nobody gets.
   *
   * @returns a promise of its reference, which the server gives once it has the job (a durable server: once it is
   * stored). Rejects with `ERR_GEARMAN_SUBMIT_TIMEOUT` (never sent), `ERR_GEARMAN_SUBMIT_UNKNOWN` (sent, and then no
   * answer or no connection: it may or may not run), `ERR_GEARMAN_QUEUE_FULL`, `ERR_GEARMAN_SERVER`,
   * `ERR_GEARMAN_JOB_CANCELLED`, `ERR_GEARMAN_NO_SERVERS`, `ERR_GEARMAN_OVERFLOW` (`maxPending`), `ERR_GEARMAN_CLOSED`,
   * `ERR_GEARMAN_INVALID_INPUT` or `ERR_GEARMAN_INVALID_ARGUMENT`
   */
  submitBackground<T extends Target<R>>(
    target: T,
    ...call: CallOf<ContractOf<R, T>, BackgroundOptions>
  ): Promise<JobRef>;
  submitBackground<N extends string, V = string>(
    functionName: PlainName<R, N>,
    data: NoInfer<V> | undefined,
    options: BackgroundOptions & CodecOptions<V, unknown>,
  ): Promise<JobRef>;
  submitBackground<N extends string>(
    functionName: PlainName<R, N>,
    data?: D['data'],
    options?: BackgroundOptions,
  ): Promise<JobRef>;
  submitBackground(target: CallTarget, data?: unknown, options?: BackgroundOptions): Promise<JobRef> {
    return this.calls.background(target, data, options);
  }

  /** Submits a job and returns what became of it instead of throwing. Errors that are not ours are thrown all the same. */
  trySubmit<T extends Target<R>>(
    target: T,
    ...call: CallOf<ContractOf<R, T>, SubmitOptions>
  ): Promise<Outcome<OutputOf<ContractOf<R, T>>>>;
  trySubmit<N extends string, V = string>(
    functionName: PlainName<R, N>,
    data: NoInfer<V> | undefined,
    options: SubmitOptions & CodecOptions<V, unknown>,
  ): Promise<Outcome<V>>;
  trySubmit<N extends string>(
    functionName: PlainName<R, N>,
    data?: D['data'],
    options?: SubmitOptions,
  ): Promise<Outcome<D['value']>>;
  async trySubmit(target: CallTarget, data?: unknown, options?: SubmitOptions): Promise<Outcome<unknown>> {
    try {
      return { ok: true, value: await this.calls.submit(target, data, options) };
    } catch (error) {
      if (error instanceof GearmanError) return { ok: false, error };
      throw error;
    }
  }

  /**
   * A cold Observable of a job's events: each subscriber submits a job of its own. It completes with the job and never
   * errors for one that failed; unsubscribing detaches from the job.
   */
  submit$<T extends Target<R>>(
    target: T,
    ...call: CallOf<ContractOf<R, T>, SubmitOptions>
  ): Observable<JobEvent<OutputOf<ContractOf<R, T>>>>;
  submit$<N extends string, V = string>(
    functionName: PlainName<R, N>,
    data: NoInfer<V> | undefined,
    options: SubmitOptions & CodecOptions<V, unknown>,
  ): Observable<JobEvent<V>>;
  submit$<N extends string>(
    functionName: PlainName<R, N>,
    data?: D['data'],
    options?: SubmitOptions,
  ): Observable<JobEvent<D['value']>>;
  submit$(target: CallTarget, data?: unknown, options?: SubmitOptions): Observable<JobEvent<unknown>> {
    return jobEvents$(() => this.calls.submit(target, data, options));
  }

  /** A cold Observable of a job's result, otherwise as {@link submit$}. It errors with what the job rejects with. */
  result$<T extends Target<R>>(
    target: T,
    ...call: CallOf<ContractOf<R, T>, SubmitOptions>
  ): Observable<OutputOf<ContractOf<R, T>>>;
  result$<N extends string, V = string>(
    functionName: PlainName<R, N>,
    data: NoInfer<V> | undefined,
    options: SubmitOptions & CodecOptions<V, unknown>,
  ): Observable<V>;
  result$<N extends string>(
    functionName: PlainName<R, N>,
    data?: D['data'],
    options?: SubmitOptions,
  ): Observable<D['value']>;
  result$(target: CallTarget, data?: unknown, options?: SubmitOptions): Observable<unknown> {
    return jobResult$(() => this.calls.submit(target, data, options));
  }

  /**
   * Functions as methods: `rpc.mail.send(input, options)` submits a job of `mail_send`, as {@link submit} does. Functions
   * with a contract in the client's registry follow it; others speak JSON.
   *
   * Names that JavaScript asks of objects by itself, such as `then` and `toJSON`, cannot be called this way.
   *
   * @typeParam Api describes functions that are not in the registry: `{ mail: { send(input: Mail): number } }`
   */
  rpc<const S extends string = '_'>(options?: RpcOptions<S>): Rpc<R, S>;
  rpc<Api>(options?: RpcOptions): RpcOf<Api>;
  rpc({ separator = '_' }: RpcOptions = {}): unknown {
    const { contracts } = this.calls.knowledge;
    return createRpc(
      (contract, input, options) => this.calls.submit(contract, input, options),
      contracts,
      separator,
    );
  }

  /**
   * Asks a worker for the description of its tasks, by its function `<worker>_help`. Rejects as {@link submit} does; with
   * `ERR_GEARMAN_INVALID_OUTPUT` when the answer is something else.
   */
  async help(worker: string, options: HelpOptions = {}): Promise<HelpDocument> {
    const { separator, ...rest } = options;
    return this.submit<ReturnType<typeof helpContract>>(helpContract(worker, separator), undefined, rest);
  }
}
