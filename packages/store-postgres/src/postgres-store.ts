import type {
  JobStore,
  StoreBatch,
  StoreContent,
  StoredJob,
  StoreOutcome,
  StoreUsage,
} from '@gearman/server';
import { int8Array } from './arrays.ts';
import { type Slice, slicesOf, valuesOf } from './batches.ts';
import { placeOf, type Statement, type Value } from './connection.ts';
import { StoreFullError, StoreTakenOverError } from './errors.ts';
import { Link } from './link.ts';
import { type PostgresSettings, type PostgresStoreOptions, parsePostgresOptions } from './options.ts';
import { type JobRow, toStoredJob } from './rows.ts';
import { newHolder, type Session } from './session.ts';
import { type Statements, statementsFor } from './sql.ts';
import { isPassing } from './sql-state.ts';
import { asStoreError } from './store-error.ts';

/**
 * A durable store of background jobs in a PostgreSQL database: one statement for everything that is committed at once.
 *
 * What was acknowledged survives the death of the job server, of the database and of the connection between them. One job
 * server has a store at a time, under a lease; another one that opens it takes over when the lease has run out, and the
 * first one records nothing from then on.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong options. Its `open()` rejects with
 * `ERR_GEARMAN_STORE_LOCKED`, `ERR_GEARMAN_STORE_UNUSABLE`, `ERR_GEARMAN_STORE_VERSION` or `ERR_GEARMAN_STORE_AWAY`
 */
export function createPostgresStore(options: PostgresStoreOptions = {}): PostgresStore {
  return new PostgresStore(parsePostgresOptions(options));
}

interface Recorded {
  readonly put: number;
  readonly gone: number;
  readonly gone_bytes: number;
}

interface Failure {
  readonly error: Error;
  /** Of what was put, a part may be recorded, or all: the answer of the database was lost. */
  readonly maySomeBeThere: boolean;
}

const ACCEPTED: StoreOutcome = { refused: undefined };
const NO_BATCH: StoreBatch = { puts: [], changes: [], dones: [], settings: new Map() };
/** How long the end waits for a lost database when there are ends of jobs to record: they would run again. */
const CLOSING_WAIT_MS = 3000;
/** A row must be read back as text, with two characters for each byte, and there is an end to how long a text may be. */
const MAX_PAYLOAD_BYTES = 128 * 1024 * 1024;

/** See {@link createPostgresStore}. */
export class PostgresStore implements JobStore {
  readonly name: string;
  readonly #settings: PostgresSettings;
  readonly #statements: Statements;
  #link: Link;
  /** Ends that could not be recorded yet. */
  #owed: number[] = [];
  #refusal: Error | undefined;
  #lastNumber = 0;
  #jobs = 0;
  #liveBytes = 0;
  #bytes = 0;
  /** One batch after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** @internal use {@link createPostgresStore} */
  constructor(settings: PostgresSettings) {
    this.#settings = settings;
    this.#statements = statementsFor(settings.schema);
    this.name = `postgres ${placeOf(settings)} ${settings.schema}`;
    this.#link = this.#newLink();
  }

  async open(): Promise<StoreContent> {
    const { lastNumber, settings, size, jobTable } = this.#statements;
    // Another one each time: what was open before is somebody else to whoever has taken over since.
    this.#link = this.#newLink();
    try {
      const { reader } = await this.#link.open();
      const [last] = await reader.rows<{ last_number: string }>(lastNumber);
      const rows = await reader.rows<{ key: Buffer; value: Buffer }>(settings);
      const [table] = await reader.rows<{ bytes: string }>(size, [jobTable]);
      this.#bytes = Number(table?.bytes ?? 0);
      this.#lastNumber = Number(last?.last_number ?? 0);
      [this.#jobs, this.#liveBytes, this.#owed, this.#refusal] = [0, 0, [], undefined];
      return {
        jobs: this.#pages(),
        settings: new Map(rows.map(({ key, value }) => [key.toString(), value.toString()])),
        lastNumber: this.#lastNumber,
      };
    } catch (error) {
      await this.close();
      throw asStoreError(error, this.name);
    }
  }

  commit(batch: StoreBatch): Promise<StoreOutcome> {
    return this.#inTurn(() => this.#commit(batch));
  }

  /** Jobs that are put and not done, whole, in the order in which they were asked for. */
  async read(numbers: readonly number[]): Promise<readonly StoredJob[]> {
    const rows = await this.#ask<JobRow>(this.#statements.read, int8Array(numbers));
    const found = new Map(rows.map((row) => [Number(row.id), row]));
    return numbers.flatMap((number) => {
      const row = found.get(number);
      return row === undefined ? [] : [toStoredJob(row)];
    });
  }

  usage(): StoreUsage {
    return {
      jobs: this.#jobs,
      bytes: this.#bytes,
      liveBytes: this.#liveBytes,
      full: this.#link.trouble ?? this.#refusal,
    };
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#inTurn(() => this.#recordOwed(CLOSING_WAIT_MS)).catch(() => {});
    await this.#link.close();
  }

  #newLink(): Link {
    const { name: store } = this;
    const identity = {
      store,
      settings: this.#settings,
      statements: this.#statements,
      holder: newHolder(),
    };
    return new Link(identity, {
      rejoined: () => {
        if (this.#owed.length > 0) void this.#inTurn(() => this.#recordOwed()).catch(() => {});
      },
      renewed: (bytes) => {
        this.#bytes = bytes;
      },
    });
  }

  /** What the store has of its own rows. A question changes nothing: it is asked again when the connection breaks. */
  async #ask<R extends object>(statement: Statement, value: Value): Promise<R[]> {
    const { clock, waitMs } = this.#settings;
    for (let giveUpAtMs: number | undefined; ; ) {
      const session = await this.#link.session(waitMs);
      try {
        return await session.reader.rows<R>(statement, [session.node, value]);
      } catch (error) {
        if (!isPassing(error)) throw asStoreError(error, this.name);
        session.end(error as Error);
        giveUpAtMs ??= clock.monotonicMs() + waitMs;
        if (clock.monotonicMs() > giveUpAtMs) throw asStoreError(error, this.name);
      }
    }
  }

  async *#pages(): AsyncGenerator<StoredJob, void, undefined> {
    const fetch = (after: number): Promise<JobRow[]> => this.#ask<JobRow>(this.#statements.page, after);
    for (let page = await fetch(0); page.length > 0; ) {
      // The next page travels while this one is used.
      const next = fetch(Number(page.at(-1)?.id));
      next.catch(() => {});
      for (const row of page) {
        this.#jobs++;
        this.#liveBytes += row.payload.length;
        yield toStoredJob(row);
      }
      page = await next;
    }
  }

  async #commit(batch: StoreBatch): Promise<StoreOutcome> {
    const tooLarge = batch.puts.find(({ payload }) => payload.length > MAX_PAYLOAD_BYTES);
    const result =
      tooLarge === undefined ? await this.#record(batch) : this.#tooLarge(tooLarge.payload.length);
    this.#refusal = result?.error;
    if (result === undefined) return ACCEPTED;
    for (const number of batch.dones) this.#owed.push(number);
    // They were refused, so no restart is to find them.
    if (result.maySomeBeThere) for (const { number } of batch.puts) this.#owed.push(number);
    if (this.#link.trouble === undefined) await this.#recordOwed();
    return { refused: result.error };
  }

  #tooLarge(bytes: number): Failure {
    const sentence = `a payload of ${bytes} bytes is above the ${MAX_PAYLOAD_BYTES} that a row may have`;
    return { error: new StoreFullError(this.name, sentence), maySomeBeThere: false };
  }

  async #recordOwed(atLeastMs = 0): Promise<void> {
    if (this.#owed.length === 0) return;
    const failure = await this.#record(NO_BATCH, atLeastMs);
    if (failure === undefined) return;
    const fields = { store: this.name, err: failure.error, jobs: this.#owed.length };
    this.#settings.logger.warn(fields, 'ends of jobs are still to be recorded');
  }

  /**
   * Records a batch, and what is owed.
   *
   * @param atLeastMs how long to wait for a lost database, however long it has been lost
   * @returns why it could not
   */
  async #record(batch: StoreBatch, atLeastMs = 0): Promise<Failure | undefined> {
    const { clock, waitMs } = this.#settings;
    const slices = slicesOf(batch, this.#owed);
    let giveUpAtMs: number | undefined;
    let at = 0;
    for (;;) {
      let session: Session | undefined;
      let isRepeat = giveUpAtMs !== undefined;
      try {
        session = await this.#link.session(waitMs, atLeastMs);
        for (; at < slices.length; at++, isRepeat = false) {
          await this.#send(session, slices[at] as Slice, isRepeat);
        }
        this.#owed = [];
        return undefined;
      } catch (error) {
        if (error instanceof StoreTakenOverError) throw error;
        const maySomeBeThere = at > 0 || isRepeat;
        if (!isPassing(error)) return { error: new StoreFullError(this.name, error), maySomeBeThere };
        if (session === undefined) return { error: error as Error, maySomeBeThere };
        session.end(error as Error);
        giveUpAtMs ??= clock.monotonicMs() + waitMs;
        if (clock.monotonicMs() > giveUpAtMs) {
          return { error: this.#link.trouble ?? (error as Error), maySomeBeThere: true };
        }
      }
    }
  }

  async #send(session: Session, slice: Slice, isRepeat: boolean): Promise<void> {
    const { record, lastNumberSequence } = this.#statements;
    const rises = slice.lastNumber > this.#lastNumber;
    const values = valuesOf(slice, rises ? slice.lastNumber : 0, lastNumberSequence);
    const [recorded] = await session.writer.rows<Recorded>(record, [session.node, session.fence, ...values]);
    if (recorded === undefined) throw new Error('its lease is gone');
    if (rises) this.#lastNumber = slice.lastNumber;
    this.#count(slice, recorded, isRepeat);
  }

  /** A statement that was sent before may have happened then: it finds nothing to do. */
  #count({ puts, dones }: Slice, { put, gone, gone_bytes: goneBytes }: Recorded, isRepeat: boolean): void {
    const average = this.#jobs === 0 ? 0 : this.#liveBytes / this.#jobs;
    const ended = isRepeat ? dones.length : gone;
    let putBytes = 0;
    for (const { payload } of puts) putBytes += payload.length;
    this.#jobs = Math.max(0, this.#jobs + (isRepeat ? puts.length : put) - ended);
    this.#liveBytes = Math.max(0, this.#liveBytes + putBytes - goneBytes - (ended - gone) * average);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
