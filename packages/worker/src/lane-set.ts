import { createPool, type Pool, type PoolOptions, type ServerInput, toServerInput } from '@gearman/pool';
import { RateLimit } from './allowance.ts';
import type { GrabLoop } from './grab-loop.ts';
import { Lane, type LaneParts } from './lane.ts';
import type { FunctionEntry } from './registry.ts';
import { FunctionPlan, type SlotPlan, type WorkerPlan } from './slot-plan.ts';

/** All lanes of a worker: the one that most functions share, and those of functions with slots of their own. */
export class LaneSet {
  readonly main: Lane;
  readonly #parts: LaneParts;
  readonly #plan: WorkerPlan;
  readonly #lanes = new Set<Lane>();
  readonly #laneOf = new Map<string, Lane>();
  #attached = false;

  constructor(parts: Omit<LaneParts, 'plan'>, plan: WorkerPlan) {
    this.#parts = { ...parts, plan };
    this.#plan = plan;
    this.main = new Lane(this.#parts);
    this.#lanes.add(this.main);
  }

  /** All of them, also those that are being closed. */
  get lanes(): readonly Lane[] {
    return [...this.#lanes];
  }

  /** All loops of all lanes. */
  get loops(): readonly GrabLoop[] {
    return this.lanes.flatMap((lane) => lane.loops);
  }

  /** All functions, in the order they were registered; without those being taken back for another lane. */
  get entries(): readonly FunctionEntry[] {
    return [...this.#laneOf].flatMap(([wireName, lane]) => lane.functions.get(wireName) ?? []);
  }

  /** The function that travels under this byte string. */
  get(wireName: string): FunctionEntry | undefined {
    return this.#laneOf.get(wireName)?.functions.get(wireName);
  }

  /** The connections that offer a function. */
  poolOf({ wireName }: FunctionEntry): Pool {
    return (this.#laneOf.get(wireName) ?? this.main).pool;
  }

  /** Hears all connections from now on, and tells the servers the functions. */
  attach(): void {
    this.#attached = true;
    for (const lane of this.#lanes) lane.attach();
  }

  /** Adds a function, or replaces one. Returns true when it was there. */
  add(entry: FunctionEntry): boolean {
    const old = this.get(entry.wireName);
    const oldLane = this.#laneOf.get(entry.wireName);
    const stays = old !== undefined && sharesSlots(old, entry);
    const lane = stays && oldLane !== undefined ? oldLane : this.#laneFor(entry);
    this.#laneOf.set(entry.wireName, lane);
    if (old !== undefined && oldLane !== undefined && oldLane !== lane) void this.#leave(oldLane, old, true);
    const { replaced, news } = lane.functions.add(entry);
    if (this.#attached && news) lane.announce(entry);
    return replaced || (old !== undefined && !stays);
  }

  /** Takes a function back, see {@link FunctionTable.takeBack}. */
  async takeBack(entry: FunctionEntry, drain: boolean): Promise<void> {
    const lane = this.#laneOf.get(entry.wireName);
    if (lane === undefined || lane.functions.get(entry.wireName) !== entry) return;
    await this.#leave(lane, entry, drain);
    // It may have been registered anew meanwhile.
    if (this.get(entry.wireName) === undefined) this.#laneOf.delete(entry.wireName);
  }

  async close(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.close()));
  }

  async #leave(lane: Lane, entry: FunctionEntry, drain: boolean): Promise<void> {
    if (this.#attached) await lane.functions.takeBack(entry, lane.loops, drain);
    else lane.functions.delete(entry);
    if (lane === this.main || !lane.functions.empty) return;
    this.#lanes.delete(lane);
    await lane.close();
  }

  #laneFor(entry: FunctionEntry): Lane {
    const plan = this.#planFor(entry);
    if (plan === undefined) return this.main;
    const pool = createPool(sameOptions(this.main.pool));
    follow(this.main.pool, pool);
    const lane = new Lane({ ...this.#parts, pool, ownsPool: true, plan });
    this.#lanes.add(lane);
    if (this.#attached) lane.attach();
    return lane;
  }

  #planFor({ concurrency, rate, ownSlots }: FunctionEntry): SlotPlan | undefined {
    if (ownSlots !== undefined) return new FunctionPlan(ownSlots, undefined, this.#plan.steps);
    if (concurrency === undefined && rate === undefined) return undefined;
    const { clock } = this.main.pool.settings;
    const limit: RateLimit | undefined =
      rate === undefined ? undefined : new RateLimit(rate.limit, rate.perMs, clock, () => plan.serve());
    const plan: FunctionPlan = new FunctionPlan(concurrency ?? 65_536, this.#plan, limit);
    return plan;
  }
}

/** True when a function may stay on its connections with new settings. */
function sharesSlots(old: FunctionEntry, entry: FunctionEntry): boolean {
  return (
    old.concurrency === entry.concurrency &&
    old.ownSlots === entry.ownSlots &&
    old.rate?.limit === entry.rate?.limit &&
    old.rate?.perMs === entry.rate?.perMs
  );
}

/** Has `pool` connect to the servers that `main` will be given, and leave those that it leaves. */
function follow(main: Pool, pool: Pool): void {
  const onChange = (): void => {
    if (!pool.closed) void pool.setServers(serversOf(main));
  };
  main.on('server-added', onChange);
  main.on('server-removed', onChange);
  // A shared pool may outlive the worker.
  pool.on('close', () => {
    main.off('server-added', onChange);
    main.off('server-removed', onChange);
  });
}

/** Each server once, however many connections it has. */
function serversOf({ connections }: Pool): ServerInput[] {
  return [...new Map(connections.map(({ server, address }) => [server, toServerInput(address)])).values()];
}

/** Options for a pool that connects as another one does, to the servers it has now. */
function sameOptions(main: Pool): PoolOptions {
  const { settings } = main;
  const { options, clientId, clock, dial, logger, random, onServerLost } = settings;
  const { connectTimeoutMs, replyTimeoutMs, maxPacketBytes, reconnect, heartbeat } = settings;
  return {
    servers: serversOf(main),
    options,
    ...(clientId !== undefined && { clientId }),
    ...(onServerLost !== undefined && { onServerLost }),
    ...{
      clock,
      dial,
      logger,
      random,
      connectTimeoutMs,
      replyTimeoutMs,
      maxPacketBytes,
      reconnect,
      heartbeat,
    },
  };
}
