import type { Priority } from '../engine/job.ts';

/** What became of a stored job: it waits for a worker, or it is kept to be looked at and will not run again. */
export type StoredState = 'waiting' | 'dead';

/** A payload in a file. */
export interface PayloadFileName {
  readonly path: string;
  readonly sizeBytes: number;
  /** 64 hexadecimal digits, where it is known. */
  readonly sha256: string | undefined;
  /** CRC-32, where it is known: what is read of the file is checked against it. */
  readonly crc32?: number | undefined;
}

/** A background job as a {@link JobStore} keeps it. Names and ids are byte strings: one character per byte. */
export interface StoredJob {
  /** Its number. Numbers rise in the order in which jobs arrive, and no store sees one twice. */
  readonly number: number;
  readonly functionName: string;
  /** `''` is none. Never a key: two stored jobs may have the same. */
  readonly uniqueId: string;
  /** Empty when there is a {@link payloadFile}. */
  readonly payload: Uint8Array;
  /**
   * A large payload in a file; only for stores with {@link JobStore.adoptsFiles}. In a put it is the server's: it stays until
   * the commit has resolved, and the store takes a link or a copy. In what a store gives back it is the store's: it stays until
   * the job is done, and is only read.
   */
  readonly payloadFile?: PayloadFileName | undefined;
  readonly priority: Priority;
  /** When it may run, in milliseconds since 1970; 0 is at once. */
  readonly runAtMs: number;
  /** How many workers have lost it or failed at it. */
  readonly attempts: number;
  readonly state: StoredState;
  readonly reducer: string | undefined;
  /** Whatever else the server wants to find again with the job; JSON. `''` is nothing. */
  readonly extra: string;
}

/** What changes about a stored job while it lives. */
export interface StoredChange {
  readonly number: number;
  readonly runAtMs: number;
  readonly attempts: number;
  readonly state: StoredState;
  readonly extra: string;
}

/**
 * What is to be made durable at once. A job may be put and done in one batch; its order within the four lists does not
 * matter, and a change or an end of a job that the store does not have is ignored.
 */
export interface StoreBatch {
  readonly puts: readonly StoredJob[];
  readonly changes: readonly StoredChange[];
  /** Numbers of jobs that are over. */
  readonly dones: readonly number[];
  /** Settings that outlive a restart; `undefined` removes one. */
  readonly settings: ReadonlyMap<string, string | undefined>;
}

/** What the store says of a batch: everything is durable, or everything but `puts`, `changes` and `settings` is. */
export type StoreOutcome = { readonly refused: undefined } | { readonly refused: Error };

/** What a store gives back when it is opened. */
export interface StoreContent {
  /** Every job that was put and is not done, in the order of their numbers. A payload is good until the next is asked for. */
  readonly jobs: AsyncIterable<StoredJob>;
  readonly settings: ReadonlyMap<string, string>;
  /** The largest number ever put, or 0. */
  readonly lastNumber: number;
}

/** How a store is opened. */
export interface StoreOpenOptions {
  /**
   * Whether payloads that the store has in files of their own may come back as {@link StoredJob.payloadFile}.
   *
   * @defaultValue false
   */
  readonly payloadFiles?: boolean | undefined;
}

/** How full a store is. */
export interface StoreUsage {
  /** Jobs that are put and not done. */
  readonly jobs: number;
  /** What the store occupies, in bytes. */
  readonly bytes: number;
  /** What of it is still needed, in bytes. */
  readonly liveBytes: number;
  /** Why puts are refused at present; undefined while they are not. */
  readonly full: Error | undefined;
}

/**
 * Keeps background jobs over restarts. A job server opens it before it listens, is its only user, and has one
 * {@link commit} under way at a time.
 */
export interface JobStore {
  /** What it is, for logs: `journal /var/lib/gearman`. */
  readonly name: string;
  /** True when puts may have a {@link StoredJob.payloadFile}. Any other store is given the bytes. */
  readonly adoptsFiles?: boolean | undefined;
  /**
   * Opens it, and recovers what an earlier process left.
   *
   * @returns a promise that rejects with a clear error for a store that is locked, unreadable, foreign or newer
   */
  open(options?: StoreOpenOptions): Promise<StoreContent>;
  /** Makes a batch durable. Rejects only when the store is broken for good: nothing can be recorded any more. */
  commit(batch: StoreBatch): Promise<StoreOutcome>;
  /**
   * Those of these jobs that are put and not done, whole and with all changes, in the order of `numbers`. A number comes
   * once, and may be any. Commits may be under way meanwhile.
   *
   * @returns a promise that rejects when they cannot be read at present; a job that is lost for good is left out
   */
  read(numbers: readonly number[]): Promise<readonly StoredJob[]>;
  usage(): StoreUsage;
  /** Ends it; what was committed stays. */
  close(): Promise<void>;
}
