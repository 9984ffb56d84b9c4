import type { Timer } from '@gearman/events';
import { GearmanError } from '@gearman/protocol';
import { Keyv } from 'keyv';
import type { CacheEvent } from './cache-events.ts';
import { type CacheEntry, decodeEntry, encodeEntry } from './entry.ts';
import { LruMap } from './lru-map.ts';
import type { CacheOptions, CacheSettings } from './options.ts';

type Operation = Extract<CacheEvent, { type: 'store-error' }>['operation'];

/** A store did not answer in time. */
export class StoreTimeoutError extends GearmanError {
  override readonly name = 'StoreTimeoutError';
  readonly code = 'ERR_GEARMAN_STORE_TIMEOUT';
  override readonly retryable = true;

  constructor(operation: string, timeoutMs: number) {
    super(`the store of the cache did not answer "${operation}" within ${timeoutMs} ms; is it up?`);
  }
}

/** What a store needs to know beside its settings. */
export interface StoreLimits {
  readonly namespace: string;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Keeps entries in whatever keyv can reach. Nothing here rejects: trouble is told, and means that nothing is there. */
export class ResultStore {
  readonly #keyv: Keyv;
  readonly #settings: CacheSettings;
  readonly #tell: (operation: Operation, error: unknown) => void;
  /** True when the store belongs to the cache and ends with it. */
  readonly #isOwn: boolean;
  readonly #onError: (error: unknown) => void;

  constructor(
    store: CacheOptions['store'],
    limits: StoreLimits,
    settings: CacheSettings,
    tell: (operation: Operation, error: unknown) => void,
  ) {
    this.#settings = settings;
    this.#tell = tell;
    this.#isOwn = !(store instanceof Keyv);
    const { namespace } = limits;
    this.#keyv =
      store instanceof Keyv
        ? store
        : new Keyv({ store: store ?? new LruMap(limits), namespace, throwOnErrors: true });
    // What a call throws is told there; a connection that is lost between calls only here.
    const told = new WeakSet<object>();
    this.#onError = (error) => {
      if (typeof error === 'object' && error !== null) {
        if (told.has(error)) return;
        told.add(error);
      }
      tell('connection', error);
    };
    this.#keyv.on('error', this.#onError);
  }

  async get(key: string): Promise<CacheEntry | undefined> {
    return this.#ask('get', async () => decodeEntry(await this.#keyv.get<string>(key)));
  }

  async set(key: string, entry: CacheEntry, keepMs: number): Promise<void> {
    await this.#ask('set', () => this.#keyv.set(key, encodeEntry(entry), keepMs));
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#ask('delete', () => this.#keyv.delete(key))) ?? false;
  }

  async clear(): Promise<void> {
    await this.#ask('clear', () => this.#keyv.clear());
  }

  /** Takes its hands off the store, and disconnects one that was not handed over as a Keyv. */
  async close(): Promise<void> {
    if (this.#isOwn) await this.#ask('connection', () => this.#keyv.disconnect());
    this.#keyv.off('error', this.#onError);
  }

  async #ask<T>(operation: Operation, ask: () => Promise<T>): Promise<T | undefined> {
    const { clock, storeTimeoutMs } = this.#settings;
    let timer: Timer | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = clock.setTimer(storeTimeoutMs, () => reject(new StoreTimeoutError(operation, storeTimeoutMs)), {
        unref: true,
      });
    });
    try {
      return await Promise.race([ask(), tooLate]);
    } catch (error) {
      this.#tell(operation, error);
      return undefined;
    } finally {
      timer?.cancel();
    }
  }
}
