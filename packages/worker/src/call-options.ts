import { parseOptions } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';

/** Which of the worker's servers is meant. */
export interface ServerOptions {
  /** One of them, as `host:port`. @defaultValue all */
  readonly server?: string;
}

/** Options of `worker.stop()`. */
export interface StopOptions extends ServerOptions {
  /**
   * How long running jobs may go on, in milliseconds. Then their signals abort, what they return is thrown away, and
   * the server gives them to another worker.
   *
   * @defaultValue until they end
   */
  readonly timeoutMs?: number;
  /**
   * When to abort the signals of running jobs, in milliseconds, so that handlers can bring their work to an end until
   * `timeoutMs`. A job whose handler throws from then on is given back to the server.
   *
   * @defaultValue `timeoutMs`
   */
  readonly abortAfterMs?: number;
}

/** Options of `worker.handleSignals()`: how to stop, and when else. */
export interface SignalOptions extends StopOptions {
  /**
   * Whether a process that was forked, and so has a channel to its parent, also stops when that channel closes: the parent
   * has ended, however it did, or one of the two has called `disconnect()`. Until the worker has stopped the channel keeps
   * the process alive. Without a channel it means nothing.
   *
   * @defaultValue true
   */
  readonly parent?: boolean;
}

/** Options of `worker.workOnce()`. */
export interface WorkOnceOptions extends ServerOptions {
  /** How long to wait for a job, in milliseconds. The job itself may take longer. @defaultValue for ever */
  readonly timeoutMs?: number;
}

/** Options of `registration.unregister()`. */
export interface UnregisterOptions {
  /**
   * Whether running jobs may end first. With false they are lost at once and the server gives them to another worker.
   *
   * @defaultValue true
   */
  readonly drain?: boolean;
}

/** {@link StopOptions}, checked. */
export interface StopLimits {
  readonly server: string | undefined;
  readonly timeoutMs: number;
  readonly abortAfterMs: number;
}

const server = z.string().optional();
const limitMs = z.number().nonnegative();
const stopSchema = z.strictObject({
  server,
  timeoutMs: limitMs.default(Number.POSITIVE_INFINITY),
  abortAfterMs: limitMs.optional(),
});
const parentSchema = z.strictObject({ parent: z.boolean().default(true) });
const workOnceSchema = z.strictObject({ server, timeoutMs: limitMs.default(Number.POSITIVE_INFINITY) });
const serverSchema = z.strictObject({ server });
const unregisterSchema = z.strictObject({ drain: z.boolean().default(true) });

const fail = (message: string): Error => new InvalidArgumentError(message);

/** Checks the options of `worker.stop()`. */
export function parseStopOptions(input: StopOptions): StopLimits {
  const { timeoutMs, abortAfterMs, ...rest } = parseOptions(stopSchema, input, 'stop()', fail);
  return { server: rest.server, timeoutMs, abortAfterMs: Math.min(timeoutMs, abortAfterMs ?? timeoutMs) };
}

/** Checks the options of `worker.handleSignals()`. */
export function parseSignalOptions(input: SignalOptions): {
  readonly parent: boolean;
  readonly stop: StopOptions;
} {
  const { parent, ...stop } = input;
  parseStopOptions(stop);
  return { ...parseOptions(parentSchema, { parent }, 'handleSignals()', fail), stop };
}

/** Checks the options of `worker.workOnce()`. */
export function parseWorkOnceOptions(input: WorkOnceOptions): {
  readonly server: string | undefined;
  readonly timeoutMs: number;
} {
  const { timeoutMs, ...rest } = parseOptions(workOnceSchema, input, 'workOnce()', fail);
  return { server: rest.server, timeoutMs };
}

/** Checks options that only name a server. */
export function parseServerOptions(input: ServerOptions, where: string): string | undefined {
  return parseOptions(serverSchema, input, where, fail).server;
}

/** Checks the options of `unregister()`. */
export function parseUnregisterOptions(input: UnregisterOptions): Required<UnregisterOptions> {
  return parseOptions(unregisterSchema, input, 'unregister()', fail);
}
