import { TypedEmitter } from '@gearman/events';
import type { CacheEvent } from './cache-events.ts';
import { type CacheKey, storeKey } from './cache-key.ts';
import { type CacheEntry, sizeOf } from './entry.ts';
import { Flight, type FlightJob, type Outcome } from './flight.ts';
import { type CachedSettings, type CacheOptions, type CacheSettings, parseCacheOptions } from './options.ts';
import { ResultStore } from './result-store.ts';

/**
 * Builds a cache for the results of handlers, see `cached()`.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options
 */
export function createCache(options: CacheOptions = {}): ResultCache {
  return new ResultCache(options);
}

/** What a job gets, and where that came from. */
interface Landing {
  readonly outcome: Outcome;
  /** An entry that was found in the store: its chunks have not been sent to anybody. */
  readonly entry: CacheEntry | undefined;
}

/** Keeps the results of handlers. See {@link createCache}. */
export class ResultCache extends TypedEmitter<CacheEvent> {
  readonly #settings: CacheSettings;
  readonly #store: ResultStore;
  readonly #keeping = new Set<Promise<void>>();
  readonly #flights = new Map<string, { readonly flight: Flight; readonly landed: Promise<Landing> }>();

  /** @internal use {@link createCache} */
  constructor(options: CacheOptions) {
    super();
    const { store, namespace, maxEntries, maxBytes, ...settings } = parseCacheOptions(options);
    this.#settings = settings;
    const limits = { namespace, maxEntries, maxBytes };
    this.#store = new ResultStore(store, limits, settings, (operation, error) => {
      settings.logger.warn({ err: error, operation }, 'the store of the cache is in trouble');
      this.emit({ type: 'store-error', operation, error });
    });
  }

  /**
   * Forgets the result for a key, as {@link CachedOptions.key} gives it.
   *
   * @returns a promise of whether there was one
   */
  delete(name: string, key: CacheKey): Promise<boolean> {
    return this.#store.delete(storeKey(name, key));
  }

  /** Forgets everything in the namespace of this cache. */
  clear(): Promise<void> {
    return this.#store.clear();
  }

  /**
   * Waits until what is being kept has been kept, and disconnects the store, unless that was given as an instance of
   * Keyv: who has made it ends it. Stop the worker before.
   */
  async close(): Promise<void> {
    await Promise.all(this.#keeping);
    await this.#store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal Gets the result for a job: kept, from a handler that runs already, or from one that runs now. */
  async resultFor(
    job: FlightJob,
    handler: (job: never) => unknown,
    key: CacheKey,
    settings: CachedSettings,
  ): Promise<unknown> {
    const name = settings.name ?? job.functionName;
    const id = storeKey(name, key);
    const running = this.#flights.get(id);
    if (running?.flight.canJoin === true) {
      running.flight.join(job);
      const landing = await untilAborted(running.landed, job.signal);
      this.emit({ type: 'shared', name });
      return this.#deliver(job, running.flight, landing);
    }
    const flight = new Flight(this.#settings.maxResultBytes);
    flight.join(job);
    const landed = this.#fly(id, name, flight, job, handler, settings);
    this.#flights.set(id, { flight, landed });
    return this.#deliver(job, flight, await landed);
  }

  /** Never rejects. */
  async #fly(
    id: string,
    name: string,
    flight: Flight,
    job: FlightJob,
    handler: (job: never) => unknown,
    settings: CachedSettings,
  ): Promise<Landing> {
    const kept = await this.#store.get(id);
    const ageMs = kept === undefined ? 0 : this.#settings.clock.now() - kept.madeAtMs;
    if (kept !== undefined && ageMs <= settings.maxAgeMs) {
      this.#land(id, flight);
      this.emit({ type: 'hit', name, ageMs });
      return landingOf(kept);
    }
    this.emit({ type: 'miss', name });
    const outcome = this.#transformed(await flight.run(handler, job));
    const reason = flight.sizeBytes > 0 ? undefined : whyOld(outcome, settings);
    const error = outcome.type === 'error' ? outcome.error : undefined;
    if (reason !== undefined && kept !== undefined && ageMs <= settings.keepMs) {
      this.#land(id, flight);
      this.emit({ type: 'stale', name, ageMs, reason, error });
      return landingOf(kept);
    }
    if (outcome.type === 'result' && reason === undefined) {
      // The result need not wait for that; jobs that come before it is kept share it.
      const keeping = this.#keep(id, name, flight, outcome.result, settings).then(() => {
        this.#land(id, flight);
        this.#keeping.delete(keeping);
      });
      this.#keeping.add(keeping);
    } else this.#land(id, flight);
    return { outcome, entry: undefined };
  }

  #transformed(outcome: Outcome): Outcome {
    if (outcome.type !== 'result') return outcome;
    try {
      return { type: 'result', result: this.#settings.transform(outcome.result) };
    } catch (error) {
      return { type: 'error', error };
    }
  }

  async #keep(
    id: string,
    name: string,
    flight: Flight,
    result: unknown,
    { keepMs }: CachedSettings,
  ): Promise<void> {
    const resultBytes = flight.sizeBytes + sizeOf(result);
    if (resultBytes > this.#settings.maxResultBytes) {
      this.emit({ type: 'too-large', name, resultBytes });
      return;
    }
    const entry = { madeAtMs: this.#settings.clock.now(), chunks: flight.chunks, result };
    await this.#store.set(id, entry, keepMs);
  }

  #land(id: string, flight: Flight): void {
    if (this.#flights.get(id)?.flight === flight) this.#flights.delete(id);
  }

  async #deliver(job: FlightJob, flight: Flight, { outcome, entry }: Landing): Promise<unknown> {
    if (entry !== undefined) for (const chunk of entry.chunks) await job.write(chunk);
    else await flight.sent(job);
    if (outcome.type === 'result') return outcome.result;
    if (outcome.type === 'error') throw outcome.error;
    job.fail(outcome.reason);
    return undefined;
  }
}

const landingOf = (entry: CacheEntry): Landing => ({
  outcome: { type: 'result', result: entry.result },
  entry,
});

/** Why an old result would be better than this outcome; undefined when it would not. */
function whyOld(outcome: Outcome, settings: CachedSettings): 'empty' | 'error' | undefined {
  if (outcome.type !== 'result') return settings.staleIfError ? 'error' : undefined;
  return settings.staleIfEmpty && settings.isEmpty(outcome.result) ? 'empty' : undefined;
}

/** A job that nobody waits for any more need not wait for others. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    // It is what fetch() and the like throw, whatever its type.
    onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
