import { type Alarm, AlarmHeap } from './alarm-heap.ts';
import type { Job } from './job.ts';
import type { Ledger } from './ledger.ts';
import type { JobEnd } from './observer.ts';
import { keepPayload, type Payload, payloadBytes, payloadSizeBytes } from './payload.ts';
import type { PeerPort } from './peer.ts';

/** How long the result of a job is kept, and how large it may be. */
export interface KeepRules {
  readonly ttlMs: number;
  readonly maxBytes: number;
}

/** How a job ended whose result is kept; `too-large`: it completed, but with more than may be kept. */
export type ResultState = JobEnd | 'too-large';

/** What became of a job. */
export interface KeptResult {
  readonly state: ResultState;
  /** The result, or what an exception carried. */
  readonly data: Payload;
}

interface Entry extends KeptResult {
  readonly number: number;
  readonly alarm: Alarm<number>;
}

/** What the settings begin with that hold results: the number of the job follows. */
const RESULT_SETTING = 'result:';
/** What one costs beside its bytes, about. */
const ENTRY_BYTES = 200;

/** Results of jobs that are over, for those who ask for them later. */
export class Results {
  readonly #maxBytes: number;
  readonly #ledger: Ledger | undefined;
  readonly #now: () => number;
  /** The oldest first. */
  readonly #kept = new Map<number, Entry>();
  readonly #expiries = new AlarmHeap<number>();
  #sizeBytes = 0;
  /** Told when there is one more. Must not call back into the engine. */
  onKept: ((number: number) => void) | undefined;
  /** Results that had to go before their time, since the start. */
  dropped = 0;

  constructor(maxBytes: number, ledger: Ledger | undefined, now: () => number) {
    this.#maxBytes = maxBytes;
    this.#ledger = ledger;
    this.#now = now;
  }

  get size(): number {
    return this.#kept.size;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get(number: number): KeptResult | undefined {
    return this.#kept.get(number);
  }

  /** Tells a client that waits for a job that is over what is known of it: its result if that is kept, else that it failed. */
  tell(port: PeerPort, number: number, handle: string): void {
    const kept = this.#kept.get(number);
    if (kept?.state === 'complete') port.complete(handle, payloadBytes(kept.data));
    else port.fail(handle);
  }

  /** A job is over. @param said its result, or what an exception carried */
  keep({ number, policy, background }: Job, how: JobEnd, said: Uint8Array | undefined): void {
    const rules = policy?.rules.keepResult;
    if (rules === undefined) return;
    const isTooLarge = said !== undefined && said.length > rules.maxBytes;
    const state = isTooLarge && how === 'complete' ? 'too-large' : how;
    const data = said === undefined || isTooLarge ? '' : keepPayload(said);
    const expiresAtMs = this.#now() + rules.ttlMs;
    this.#add(number, { state, data }, expiresAtMs);
    if (background) this.#ledger?.set(RESULT_SETTING + number, toText({ state, data }, expiresAtMs));
    this.purge();
    this.onKept?.(number);
  }

  /** A setting of an earlier server; others are ignored. */
  restore(key: string, value: string): void {
    if (!key.startsWith(RESULT_SETTING)) return;
    const { state, data, expiresAtMs } = JSON.parse(value) as Stored;
    const bytes = keepPayload(Buffer.from(data, 'base64'));
    this.#add(Number(key.slice(RESULT_SETTING.length)), { state, data: bytes }, expiresAtMs);
  }

  /** When the next one is to go. */
  get nextAtMs(): number | undefined {
    return this.#expiries.first?.at;
  }

  /** Those whose time is over go, and the oldest when there are too many. */
  purge(): void {
    const now = this.#now();
    for (let due = this.#expiries.takeDue(now); due !== undefined; due = this.#expiries.takeDue(now)) {
      this.#delete(due.target);
    }
    while (this.#sizeBytes > this.#maxBytes) {
      const [oldest] = this.#kept.keys();
      if (oldest === undefined) return;
      this.#delete(oldest);
      this.dropped++;
    }
  }

  #add(number: number, result: KeptResult, expiresAtMs: number): void {
    this.#kept.set(number, { number, ...result, alarm: this.#expiries.add(expiresAtMs, number) });
    this.#sizeBytes += ENTRY_BYTES + payloadSizeBytes(result.data);
  }

  #delete(number: number): void {
    const entry = this.#kept.get(number);
    if (entry === undefined) return;
    this.#kept.delete(number);
    this.#expiries.remove(entry.alarm);
    this.#sizeBytes -= ENTRY_BYTES + payloadSizeBytes(entry.data);
    this.#ledger?.set(RESULT_SETTING + number, undefined);
  }
}

/** A result as a setting. */
interface Stored {
  readonly state: ResultState;
  readonly expiresAtMs: number;
  readonly data: string;
}

function toText({ state, data }: KeptResult, expiresAtMs: number): string {
  const base64 = Buffer.from(payloadBytes(data)).toString('base64');
  return JSON.stringify({ state, expiresAtMs, data: base64 } satisfies Stored);
}
