import { type FunctionName, InvalidArgumentError, toFunctionName } from '@gearman/protocol';
import type { RunningJob } from './job.ts';
import { type AnyRegisterOptions, type FunctionSettings, parseRegisterOptions } from './register-options.ts';
import type { HandlerResult } from './result.ts';
import type { StreamJob, WorkerJob } from './worker-job.ts';

/**
 * Does the work of a function.
 *
 * What it returns, or what its promise brings, is the result and ends the job, unless the handler has ended it by
 * itself: bytes or text at once, a stream, an async generator or an Observable part by part. Whatever it throws, and an
 * error it returns, becomes an exception for the client and harms neither the worker nor its other jobs. It should end
 * soon after `job.signal` aborts.
 */
export type Handler = (job: WorkerJob) => HandlerResult | Promise<HandlerResult>;

/** A handler that reads its payload as a stream: see the option `payload` of `register()`. */
export type StreamHandler = (job: StreamJob) => HandlerResult | Promise<HandlerResult>;

/** A handler of a function registered with `falsyFails`: returning nothing, `null` or `false` fails the job. */
export type FalsyHandler = (
  job: WorkerJob,
) => HandlerResult | null | false | Promise<HandlerResult | null | false>;

/** What is kept of a registered function. */
export interface FunctionEntry extends FunctionSettings {
  /** Without the prefix of the worker. */
  readonly functionName: string;
  /** With the prefix. */
  readonly fullName: string;
  /** The full name as the byte string that travels. */
  readonly wireName: FunctionName;
  /** What was registered. */
  readonly handler: EntryHandler;
  /** The same behind the worker's middleware. */
  run: EntryHandler;
  /** How many slots it has beside those of the worker; undefined when it takes part in those. */
  readonly ownSlots: number | undefined;
}

/** A handler as the worker calls it: what it returns is looked at. */
export type EntryHandler = (job: RunningJob) => unknown;

/** What a worker adds to the arguments of `register()`. */
export interface EntryContext {
  /** What comes before the names of all functions. */
  readonly prefix?: string;
  readonly ownSlots?: number | undefined;
}

/** Checks the arguments of `register()`. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function toFunctionEntry(
  functionName: string,
  handler: EntryHandler,
  options: AnyRegisterOptions,
  { prefix = '', ownSlots }: EntryContext = {},
): FunctionEntry {
  const fullName = prefix + functionName;
  // The name itself is checked first: an empty one must not pass because of the prefix.
  if (prefix !== '') toFunctionName(functionName);
  const wireName = toFunctionName(fullName);
  if (typeof handler !== 'function') {
    throw new InvalidArgumentError(
      `the handler of "${functionName}" must be a function, not ${typeof handler}`,
    );
  }
  const names = { functionName, fullName, wireName };
  return { ...names, handler, run: handler, ownSlots, ...parseRegisterOptions(options) };
}
