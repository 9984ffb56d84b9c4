import type { Connection, Pool } from '@gearman/pool';
import { request } from '@gearman/protocol';
import { Drain } from './drain.ts';
import { FunctionTable } from './function-table.ts';
import { type GrabHost, GrabLoop } from './grab-loop.ts';
import type { FunctionEntry } from './registry.ts';
import type { SlotPlan } from './slot-plan.ts';

/** What a lane asks of its worker. */
export interface LaneOwner {
  /** Whether jobs may be asked for on this server. */
  mayAsk(server: string): boolean;
  /** Whether this server has been left: it must not believe that functions are offered here. */
  hasLeft(server: string): boolean;
  /** A connection may be used; its server has been told the functions. */
  onReady(lane: Lane, connection: Connection): void;
  /** A connection came or went. */
  onChange(): void;
}

/** What a lane is made of. */
export interface LaneParts {
  readonly pool: Pool;
  /** True when the pool ends with the lane. */
  readonly ownsPool: boolean;
  readonly plan: SlotPlan;
  readonly grabHost: GrabHost;
  readonly owner: LaneOwner;
}

/**
 * Connections that offer the same functions, one to each server. A function with slots of its own has a lane of its own,
 * because a request for a job on a connection may be answered with a job of any function offered there.
 */
export class Lane {
  readonly pool: Pool;
  readonly functions: FunctionTable;
  readonly #ownsPool: boolean;
  readonly #plan: SlotPlan;
  readonly #grabHost: GrabHost;
  readonly #owner: LaneOwner;
  readonly #loops = new Map<Connection, GrabLoop>();
  // Servers that are being left, and connections whose server is being removed from the pool.
  readonly #withdrawals = new Map<string | Connection, Drain>();
  #detach: () => void = () => {};

  constructor({ pool, ownsPool, plan, grabHost, owner }: LaneParts) {
    this.pool = pool;
    this.functions = new FunctionTable(pool, () => this.update());
    this.#ownsPool = ownsPool;
    this.#plan = plan;
    this.#grabHost = grabHost;
    this.#owner = owner;
    for (const connection of pool.connections) this.#loopOf(connection);
  }

  /** One for each connection. */
  get loops(): readonly GrabLoop[] {
    return [...this.#loops.values()];
  }

  /** Hears the connections from now on, and tells the servers the functions. */
  attach(): void {
    for (const entry of this.functions.entries) this.#tell(entry);
    this.update();
    this.#detach = this.pool.attach({
      onReady: (connection) => this.#onReady(connection),
      onLost: (connection, error) => {
        this.#loops.get(connection)?.onLost(error);
        this.#owner.onChange();
      },
      onRemoving: (connection) => {
        this.update();
        return this.#withdraw(connection, ({ connection: each }) => each === connection).done;
      },
      onRemoved: (connection) => {
        this.#loops.delete(connection);
        this.#owner.onChange();
      },
      onPacket: (connection, packet) => {
        if (packet.type === 'NOOP') this.#loops.get(connection)?.onNoop();
      },
    });
  }

  /** Tells the servers of a function that was added. */
  announce(entry: FunctionEntry): void {
    this.#tell(entry);
    for (const { connection } of this.loops) if (connection.ready) this.#afterAnnouncing(connection);
    this.update();
    // Servers do not wake a sleeping connection for jobs that wait for a function new to it.
    for (const loop of this.#loops.values()) loop.wake();
  }

  /** Tells each loop whether it may ask for jobs. */
  update(): void {
    const idle = this.functions.empty;
    for (const loop of this.#loops.values()) {
      const { server, retired } = loop.connection;
      loop.allow(!idle && !retired && this.#owner.mayAsk(server) && !this.functions.holds(loop));
    }
  }

  /** Hands out slots that have become free otherwise than by a job's end. */
  serve(): void {
    this.#plan.serve();
  }

  /** A loop of this lane has come to a pause or a job of it has ended. */
  check(loop: GrabLoop): void {
    this.functions.check(loop);
    if (this.#withdrawals.size > 0) for (const drain of this.#withdrawals.values()) drain.check(loop);
  }

  /** Takes all functions back from one server once none of their jobs runs there; the worker must have left it. */
  withdraw(server: string): Drain {
    return this.#withdraw(server, ({ connection }) => connection.server === server);
  }

  /** Offers all functions to one server again. */
  rejoin(server: string): void {
    const under = this.#withdrawals.get(server);
    this.#withdrawals.delete(server);
    under?.cancel();
    for (const { connection } of this.loops) {
      if (connection.server !== server || !connection.ready) continue;
      // A server that is told twice registers twice.
      if (under === undefined) this.functions.announceTo(connection);
      this.#afterAnnouncing(connection);
    }
    this.update();
  }

  /** Hears nothing more, and closes what is its own once everything has been sent. */
  async close(): Promise<void> {
    this.#detach();
    if (this.#ownsPool) await this.pool.close();
  }

  #withdraw(key: string | Connection, from: (loop: GrabLoop) => boolean): Drain {
    const under = this.#withdrawals.get(key);
    if (under !== undefined) return under;
    const drain = new Drain({
      loops: this.loops.filter(from),
      concerns: () => true,
      tell: (connection) => void connection.send(request('RESET_ABILITIES', {})),
      onDone: () => void this.#withdrawals.delete(key),
    });
    this.#withdrawals.set(key, drain);
    return drain.start();
  }

  #onReady(connection: Connection): void {
    this.#afterAnnouncing(connection);
    const loop = this.#loopOf(connection);
    loop.onReady();
    this.#owner.onChange();
  }

  #tell(entry: FunctionEntry): void {
    this.functions.announce(entry);
    if (entry.maxQueue !== undefined) this.pool.setMaxQueue(entry.fullName, entry.maxQueue);
  }

  #afterAnnouncing(connection: Connection): void {
    if (this.#owner.hasLeft(connection.server)) connection.send(request('RESET_ABILITIES', {}));
    else this.#owner.onReady(this, connection);
  }

  #loopOf(connection: Connection): GrabLoop {
    let loop = this.#loops.get(connection);
    if (loop === undefined) {
      const { slots, starts } = this.#plan.placesFor(connection.server);
      const check = (each: GrabLoop): void => this.check(each);
      loop = new GrabLoop(connection, { functions: this.functions, slots, starts, check }, this.#grabHost);
      this.#loops.set(connection, loop);
      // A server that was added while the worker runs.
      loop.allow(!this.functions.empty && this.#owner.mayAsk(connection.server));
    }
    return loop;
  }
}
