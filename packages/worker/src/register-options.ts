import { parseOptions } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';

/** How many jobs of a function a server may have: of all priorities together, or of each; 0 is no limit. */
export type QueueLimit = number | { readonly high?: number; readonly normal?: number; readonly low?: number };

/** Options of `worker.register()` for any handler. */
interface CommonRegisterOptions {
  /**
   * How long a job may run, in milliseconds, from its arrival at this worker. After it the signal of the job aborts
   * with `ERR_GEARMAN_JOB_TIMEOUT`, and the server, which is told the limit, gives the job to another worker. gearmand
   * raises limits below 1000; up to 1.1.18 it took them for seconds and is not told: the job ends with an exception.
   *
   * @defaultValue no limit
   * @see gearmand `PROTOCOL`, "CAN_DO_TIMEOUT"
   */
  readonly timeoutMs?: number;
  /**
   * How many jobs of this function may run at once, 1 to 65,536, within the `concurrency` of the worker. The function
   * gets a connection of its own to each server, the only way to leave its jobs to others and go on with the rest.
   *
   * @defaultValue the worker's
   */
  readonly concurrency?: number;
  /**
   * How many jobs of this function may start in any span of `perMs` milliseconds. The others wait in the server, for
   * other workers as well. Like `concurrency`, this takes a connection of its own.
   *
   * @defaultValue no limit
   */
  readonly rate?: { readonly limit: number; readonly perMs: number };
  /**
   * How a result that comes in parts travels: `stream` sends each part at once, so that clients can begin, but may get
   * parts twice when this worker is lost and the job runs again elsewhere; `buffer` collects them, up to
   * `maxPacketBytes`, and sends them together at the end. `job.write()` always sends at once.
   *
   * @defaultValue `'stream'`
   */
  readonly output?: 'stream' | 'buffer';
  /**
   * With true a handler that returns nothing leaves the job open, however long: it ends with `job.complete()`,
   * `job.fail()` or `job.exception()`, and keeps its slot until then.
   *
   * @defaultValue false
   */
  readonly manual?: boolean;
  /**
   * With true a handler that returns nothing, `null` or `false` fails the job, as the Ruby library has it.
   *
   * @defaultValue false
   */
  readonly falsyFails?: boolean;
  /**
   * How many jobs of this function each server may have, those that run included, in all or for each priority; it
   * refuses more with `ERR_GEARMAN_QUEUE_FULL`. Told by the text command `maxqueue` on every connect; names with spaces
   * cannot have one.
   *
   * @defaultValue not told
   */
  readonly maxQueue?: QueueLimit;
}

/** Options of `worker.register()`. */
export interface RegisterOptions extends CommonRegisterOptions {
  /** `job.payload` is all of it. @defaultValue `'buffer'` */
  readonly payload?: 'buffer';
}

/** Options of `worker.register()` for a handler that reads the payload as a stream. */
export interface StreamRegisterOptions extends CommonRegisterOptions {
  /** `job.payload` is a Readable. */
  readonly payload: 'stream';
}

export type AnyRegisterOptions = RegisterOptions | StreamRegisterOptions;

/** Options of `worker.register()`, checked, with defaults. */
export interface FunctionSettings {
  readonly timeoutMs: number | undefined;
  readonly concurrency: number | undefined;
  readonly rate: { readonly limit: number; readonly perMs: number } | undefined;
  readonly payload: 'buffer' | 'stream';
  readonly output: 'stream' | 'buffer';
  readonly manual: boolean;
  readonly falsyFails: boolean;
  readonly maxQueue: QueueLimit | undefined;
}

const count = z
  .number()
  .int()
  .nonnegative()
  .max(2 ** 31 - 1);
const slots = z.number().int().min(1).max(65_536);

const schema = z.strictObject({
  timeoutMs: z.number().int().positive().max(Number.MAX_SAFE_INTEGER).optional(),
  concurrency: slots.optional(),
  rate: z.strictObject({ limit: slots, perMs: z.number().positive() }).optional(),
  payload: z.enum(['buffer', 'stream']).default('buffer'),
  output: z.enum(['stream', 'buffer']).default('stream'),
  manual: z.boolean().default(false),
  falsyFails: z.boolean().default(false),
  maxQueue: z
    .union([
      count,
      z.strictObject({ high: count.default(0), normal: count.default(0), low: count.default(0) }),
    ])
    .optional(),
});

const fail = (message: string): Error => new InvalidArgumentError(message);

/** Checks the options of `worker.register()`. */
export function parseRegisterOptions(input: AnyRegisterOptions): FunctionSettings {
  const { timeoutMs, concurrency, rate, maxQueue, ...rest } = parseOptions(schema, input, 'register()', fail);
  return { timeoutMs, concurrency, rate, maxQueue, ...rest };
}
