import type {
  JobStore,
  StoreBatch,
  StoreContent,
  StoredChange,
  StoredJob,
  StoreOutcome,
  StoreUsage,
} from '@gearman/server';

/** What outlives the process: as if it were a disk. */
export class MemoryPlace {
  readonly jobs = new Map<number, StoredJob>();
  readonly settings = new Map<string, string>();
  lastNumber = 0;

  apply({ puts, changes, dones, settings }: StoreBatch): void {
    for (const put of puts) {
      this.jobs.set(put.number, { ...put, payload: Buffer.from(put.payload) });
      this.lastNumber = Math.max(this.lastNumber, put.number);
    }
    for (const change of changes) this.#change(change);
    for (const number of dones) this.jobs.delete(number);
    for (const [key, value] of settings) {
      if (value === undefined) this.settings.delete(key);
      else this.settings.set(key, value);
    }
  }

  read(numbers: readonly number[]): StoredJob[] {
    return numbers.flatMap((number) => this.jobs.get(number) ?? []);
  }

  #change({ number, runAtMs, attempts, state, extra }: StoredChange): void {
    const job = this.jobs.get(number);
    if (job !== undefined) this.jobs.set(number, { ...job, runAtMs, attempts, state, extra });
  }
}

/** A store in memory that takes its time, refuses, and breaks, as a test wants it. */
export class MemoryStore implements JobStore {
  readonly name = 'memory';
  readonly place: MemoryPlace;
  readonly batches: StoreBatch[] = [];
  /** Refuses what may be refused. */
  refuse: Error | undefined;
  /** Nothing can be read. */
  unreadable: Error | undefined;
  readonly reads: number[][] = [];
  #heldReads: (() => void)[] | undefined;
  /** Is gone for good. */
  broken: Error | undefined;
  state: 'new' | 'open' | 'closed' = 'new';
  #held: (() => void)[] | undefined;
  #started: (() => void) | undefined;

  constructor(place = new MemoryPlace()) {
    this.place = place;
  }

  async open(): Promise<StoreContent> {
    this.state = 'open';
    const { jobs, settings, lastNumber } = this.place;
    const inOrder = [...jobs.values()].sort((a, b) => a.number - b.number);
    return { jobs: oneByOne(inOrder), settings: new Map(settings), lastNumber };
  }

  async commit(batch: StoreBatch): Promise<StoreOutcome> {
    this.batches.push(batch);
    this.#started?.();
    if (this.#held !== undefined) await new Promise<void>((resolve) => this.#held?.push(resolve));
    if (this.broken !== undefined) throw this.broken;
    const { refuse } = this;
    this.place.apply(refuse === undefined ? batch : { ...batch, puts: [], changes: [], settings: new Map() });
    return { refused: refuse };
  }

  async read(numbers: readonly number[]): Promise<readonly StoredJob[]> {
    this.reads.push([...numbers]);
    if (this.#heldReads !== undefined) await new Promise<void>((resolve) => this.#heldReads?.push(resolve));
    if (this.unreadable !== undefined) throw this.unreadable;
    return this.place.read(numbers);
  }

  usage(): StoreUsage {
    return { jobs: this.place.jobs.size, bytes: 0, liveBytes: 0, full: this.refuse };
  }

  async close(): Promise<void> {
    this.state = 'closed';
  }

  /** Reads take until {@link letReadsGo}. */
  holdReads(): void {
    this.#heldReads = [];
  }

  letReadsGo(): void {
    const held = this.#heldReads ?? [];
    this.#heldReads = undefined;
    for (const go of held) go();
  }

  /** Commits take until {@link letGo}. */
  hold(): void {
    this.#held = [];
  }

  letGo(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const go of held) go();
  }

  /** Lets the commit that is under way go; the next one waits again. */
  letOneGo(): void {
    this.#held?.shift()?.();
  }

  /** The next commit has begun. */
  started(): Promise<void> {
    return new Promise((resolve) => {
      this.#started = resolve;
    });
  }
}

async function* oneByOne(jobs: readonly StoredJob[]): AsyncGenerator<StoredJob, void, undefined> {
  yield* jobs;
}
