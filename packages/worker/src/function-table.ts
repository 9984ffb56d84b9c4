import { ClosedError, type Connection, type Pool } from '@gearman/pool';
import { request } from '@gearman/protocol';
import { Drain } from './drain.ts';
import type { GrabLoop } from './grab-loop.ts';
import type { FunctionEntry } from './registry.ts';

/** The functions of a worker: which there are, and what the servers have been told of them. */
export class FunctionTable {
  readonly #pool: Pool;
  readonly #entries = new Map<string, FunctionEntry>();
  readonly #drains = new Map<string, Drain>();
  /** Called when loops may have to rest or may go on. */
  readonly #onChange: () => void;

  constructor(pool: Pool, onChange: () => void) {
    this.#pool = pool;
    this.#onChange = onChange;
  }

  /** All functions, including those being taken back. */
  get entries(): readonly FunctionEntry[] {
    return [...this.#entries.values()];
  }

  /** True when there is nothing to ask jobs for. */
  get empty(): boolean {
    return this.#entries.size === 0;
  }

  /** The function that travels under this byte string. */
  get(wireName: string): FunctionEntry | undefined {
    return this.#entries.get(wireName);
  }

  /** True while this loop may not ask for jobs, because a function is being taken back from its server. */
  holds(loop: GrabLoop): boolean {
    for (const drain of this.#drains.values()) if (drain.holds(loop)) return true;
    return false;
  }

  /**
   * Adds a function, or replaces one.
   *
   * @returns `replaced`: it was there; `news`: the servers have not been told of it, or not its new limit
   */
  add(entry: FunctionEntry): { readonly replaced: boolean; readonly news: boolean } {
    const old = this.#entries.get(entry.wireName);
    const drain = this.#drains.get(entry.wireName);
    this.#entries.set(entry.wireName, entry);
    this.#drains.delete(entry.wireName);
    drain?.cancel();
    const replaced = old !== undefined && drain === undefined;
    // Telling a server twice registers twice, so it is told only what it does not know.
    return { replaced, news: !replaced || old.timeoutMs !== entry.timeoutMs };
  }

  /** Tells all servers, now and on every later connect. */
  announce({ fullName, timeoutMs }: FunctionEntry): void {
    this.#pool.addFunction(fullName, timeoutMs);
  }

  /** Tells one server all functions, which it has been made to forget. */
  announceTo(connection: Connection): void {
    for (const { wireName, timeoutMs } of this.#offered()) {
      connection.send(
        timeoutMs === undefined
          ? request('CAN_DO', { functionName: wireName })
          : request('CAN_DO_TIMEOUT', { functionName: wireName, timeout: String(timeoutMs) }),
      );
    }
  }

  /** Takes the time limits back from one server, which reads them wrongly: the last word about a function counts. */
  withoutLimits(connection: Connection): void {
    for (const { wireName, timeoutMs } of this.#offered()) {
      if (timeoutMs !== undefined) connection.send(request('CAN_DO', { functionName: wireName }));
    }
  }

  /** True when a function has a time limit. */
  get hasLimits(): boolean {
    for (const { timeoutMs } of this.#entries.values()) if (timeoutMs !== undefined) return true;
    return false;
  }

  /** Removes a function that no server has been told of. */
  delete({ wireName }: FunctionEntry): void {
    this.#entries.delete(wireName);
  }

  /**
   * Takes a function back from all servers, from each as soon as none of its jobs runs there; at once if `drain` is
   * false, and then its running jobs are lost.
   */
  takeBack(entry: FunctionEntry, loops: readonly GrabLoop[], drain: boolean): Promise<void> {
    if (this.#entries.get(entry.wireName) !== entry) return Promise.resolve();
    const under = this.#drains.get(entry.wireName) ?? this.#startDrain(entry, loops);
    if (drain) return under.done;
    const reason = new ClosedError(`"${entry.functionName}" was unregistered`);
    for (const loop of loops) {
      for (const job of [...loop.jobs]) if (job.entry.wireName === entry.wireName) job.lose(reason);
    }
    under.force();
    return under.done;
  }

  #startDrain(entry: FunctionEntry, loops: readonly GrabLoop[]): Drain {
    const { fullName, wireName } = entry;
    this.#pool.forgetFunction(fullName);
    const drain = new Drain({
      loops,
      concerns: (job) => job.entry.wireName === wireName,
      tell: (connection) => cantDo(connection, entry),
      onDone: () => {
        this.#entries.delete(wireName);
        this.#drains.delete(wireName);
        this.#onChange();
      },
    });
    this.#drains.set(wireName, drain);
    this.#onChange();
    return drain.start();
  }

  /** Takes all functions back, for good: a connection is told when none of its jobs runs any more. */
  takeBackAll(loops: Iterable<GrabLoop>): Drain {
    for (const drain of this.#drains.values()) drain.cancel();
    this.#drains.clear();
    const { entries } = this;
    for (const { fullName } of entries) this.#pool.forgetFunction(fullName);
    return new Drain({
      loops,
      concerns: () => true,
      tell: (connection) => {
        for (const entry of entries) cantDo(connection, entry);
      },
    });
  }

  /** Those that are not being taken back. */
  #offered(): readonly FunctionEntry[] {
    return this.entries.filter(({ wireName }) => !this.#drains.has(wireName));
  }

  /** The loop has come to a pause or a job of it has ended. */
  check(loop: GrabLoop): void {
    if (this.#drains.size === 0) return;
    for (const drain of this.#drains.values()) drain.check(loop);
    this.#onChange();
  }
}

function cantDo(connection: Connection, { wireName }: FunctionEntry): void {
  connection.send(request('CANT_DO', { functionName: wireName }));
}
