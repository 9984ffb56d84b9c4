import { InvalidArgumentError } from '@gearman/protocol';
import type { ObservableLike } from './result.ts';
import { isObservable } from './result.ts';

/** The job that parts are sent for. */
export interface PartsTarget {
  readonly ended: boolean;
  readonly signal: AbortSignal;
  readonly functionName: string;
  write(chunk: Uint8Array | string): Promise<void>;
  complete(result?: Uint8Array | string): void;
  onThrow(error: unknown): void;
}

/** A result that comes in parts. */
export interface Parts {
  /** Calls `take` for each part and waits for what it returns; ends with the source, or rejects with its error. */
  each(take: (part: unknown) => Promise<void>): Promise<void>;
  /** Makes the source end, because nobody wants the rest. */
  cancel(reason: unknown): void;
}

/** Reads a handler's result that comes in parts; undefined for any other. */
export function toParts(value: unknown): Parts | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Symbol.asyncIterator in value) return new IteratedParts(value as AsyncIterable<unknown>);
  return isObservable(value) ? new ObservedParts(value) : undefined;
}

/** Ends a result in parts that comes too late for its job. */
export function discardParts(value: unknown): void {
  toParts(value)?.cancel(new InvalidArgumentError('the job had ended before its handler returned'));
}

/**
 * Sends a result in parts, each when the connection has room for it, and ends the job with its end or its error. Never
 * rejects.
 *
 * @param output `stream`: a WORK_DATA for each; `buffer`: all in one WORK_COMPLETE of at most `maxBytes`
 */
export async function sendParts(
  job: PartsTarget,
  parts: Parts,
  output: 'stream' | 'buffer',
  maxBytes: number,
): Promise<void> {
  const { signal } = job;
  const onAbort = (): void => parts.cancel(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    const buffer = new PartsBuffer(job.functionName, maxBytes);
    await parts.each(async (part) => {
      if (job.ended) parts.cancel(signal.reason);
      // write() refuses what is neither bytes nor text.
      else if (output === 'stream') await job.write(part as Uint8Array | string);
      else buffer.add(part);
    });
    if (signal.aborted) job.onThrow(signal.reason);
    else job.complete(output === 'buffer' ? buffer.bytes() : undefined);
  } catch (error) {
    parts.cancel(error);
    job.onThrow(error);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Parts that are kept until the last one is there. */
class PartsBuffer {
  readonly #functionName: string;
  readonly #maxBytes: number;
  readonly #parts: Buffer[] = [];
  #sizeBytes = 0;

  constructor(functionName: string, maxBytes: number) {
    this.#functionName = functionName;
    this.#maxBytes = maxBytes;
  }

  add(part: unknown): void {
    if (typeof part !== 'string' && !(part instanceof Uint8Array)) {
      throw new InvalidArgumentError(
        `the handler of "${this.#functionName}" produced a part that is neither bytes nor text`,
      );
    }
    // A copy: the source may use its memory again.
    const bytes = Buffer.from(part);
    this.#sizeBytes += bytes.length;
    if (this.#sizeBytes > this.#maxBytes) {
      throw new InvalidArgumentError(
        `"${this.#functionName}" produced more than ${this.#maxBytes} bytes, which is maxPacketBytes: raise it, or ` +
          "register the function with output: 'stream'",
      );
    }
    this.#parts.push(bytes);
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts, this.#sizeBytes);
  }
}

interface Destroyable {
  destroy(error?: Error): unknown;
}

/** Node's streams, web streams, async generators and whatever else can be iterated over. */
class IteratedParts implements Parts {
  readonly #source: AsyncIterable<unknown>;
  #iterator: AsyncIterator<unknown> | undefined;
  #cancelled = false;

  constructor(source: AsyncIterable<unknown>) {
    this.#source = source;
  }

  async each(take: (part: unknown) => Promise<void>): Promise<void> {
    const iterator = this.#iterate();
    while (!this.#cancelled) {
      const { done, value } = await iterator.next();
      if (done === true) return;
      await take(value);
    }
  }

  cancel(reason: unknown): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    const source: object = this.#source;
    if (isDestroyable(source)) {
      // A stream whose error nobody listens to would end the process.
      if ('on' in source && typeof source.on === 'function') source.on('error', () => {});
      source.destroy(reason instanceof Error ? reason : undefined);
    } else {
      // A generator that waits for something ends when that has come.
      Promise.resolve(this.#iterate().return?.()).catch(() => {});
    }
  }

  #iterate(): AsyncIterator<unknown> {
    this.#iterator ??= this.#open();
    return this.#iterator;
  }

  #open(): AsyncIterator<unknown> {
    const source = this.#source;
    if (!(source instanceof ReadableStream)) return source[Symbol.asyncIterator]();
    // Its own iterator cannot be ended while it waits for a chunk; its reader can.
    const reader: ReadableStreamDefaultReader<unknown> = source.getReader();
    return {
      next: async () => {
        const { done, value } = await reader.read();
        return done ? { done, value: undefined } : { done, value };
      },
      return: async () => {
        await reader.cancel();
        return { done: true, value: undefined };
      },
    };
  }
}

function isDestroyable(source: object): source is Destroyable {
  return 'destroy' in source && typeof source.destroy === 'function';
}

// An Observable cannot be slowed down: this much may wait for the connection, in parts.
const MAX_WAITING_PARTS = 10_000;

/** Everything an Observable emits, one after the other. */
class ObservedParts implements Parts {
  readonly #source: ObservableLike<unknown>;
  #stop: (error?: Error) => void = () => {};
  #cancelled = false;

  constructor(source: ObservableLike<unknown>) {
    this.#source = source;
  }

  each(take: (part: unknown) => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      let waiting = 0;
      let last: Promise<void> = Promise.resolve();
      let subscription: { unsubscribe(): void } | undefined;
      let over = this.#cancelled;
      const finish = (settle: () => void): void => {
        if (over) return;
        over = true;
        subscription?.unsubscribe();
        settle();
      };
      this.#stop = (error) => finish(() => (error === undefined ? resolve() : reject(error)));
      if (over) return resolve();
      const takeNext = async (part: unknown): Promise<void> => {
        if (!over) await take(part);
        waiting--;
      };
      subscription = this.#source.subscribe({
        next: (part) => {
          if (over) return;
          if (++waiting > MAX_WAITING_PARTS) {
            this.#stop(new InvalidArgumentError('the Observable emits faster than the connection can send'));
            return;
          }
          last = last.then(() => takeNext(part));
          last.catch((error: Error) => this.#stop(error));
        },
        // It may be anything, as a thrown value may; what is nothing must not pass for the end.
        error: (error: Error | undefined) =>
          void last.then(
            () => this.#stop(error ?? new Error('the Observable failed without a reason')),
            () => {},
          ),
        complete: () =>
          void last.then(
            () => finish(resolve),
            () => {},
          ),
      });
      if (over) subscription.unsubscribe();
    });
  }

  cancel(): void {
    this.#cancelled = true;
    this.#stop();
  }
}
