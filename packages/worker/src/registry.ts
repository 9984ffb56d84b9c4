import { type FunctionName, InvalidArgumentError, toFunctionName } from '@gearman/protocol';
import type { WorkerJob } from './job.ts';
import { parseRegisterOptions, type RegisterOptions } from './options.ts';
import type { HandlerResult } from './result.ts';

/**
 * Does the work of a function.
 *
 * What it returns, or what its promise brings, is the result and ends the job, unless the handler has ended it by
 * itself. Whatever it throws becomes an exception for the client and harms neither the worker nor its other jobs. It
 * should end soon after `job.signal` aborts.
 */
export type Handler = (job: WorkerJob) => HandlerResult | Promise<HandlerResult>;

/** One registered function. */
export interface Registration {
  readonly functionName: string;
  /**
   * Takes the function back. Running jobs of it finish first, and until then the connections they run on ask for no
   * jobs at all, because a server requeues the running jobs of a function that is taken back.
   *
   * @returns a promise that never rejects, resolved when every server has been told. Do not await it in a handler of
   * this function. Does nothing when the function has been taken back or registered anew.
   */
  unregister(): Promise<void>;
}

/** What is kept of a registered function. */
export interface FunctionEntry {
  readonly functionName: string;
  /** The name as the byte string that travels. */
  readonly wireName: FunctionName;
  readonly handler: Handler;
  readonly timeoutMs: number | undefined;
}

/** Checks the arguments of `register()`. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function toFunctionEntry(
  functionName: string,
  handler: Handler,
  options: RegisterOptions,
): FunctionEntry {
  const wireName = toFunctionName(functionName);
  if (typeof handler !== 'function') {
    throw new InvalidArgumentError(
      `the handler of "${functionName}" must be a function, not ${typeof handler}`,
    );
  }
  return { functionName, wireName, handler, ...parseRegisterOptions(options) };
}
