import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Timer } from '@gearman/events';
import { Connection } from './connection.ts';
import { StoreLockedError, StoreTakenOverError, StoreUnusableError } from './errors.ts';
import { migrate } from './migrations.ts';
import type { PostgresSettings } from './options.ts';
import { ALONE, END_SESSIONS, INSPECT, type Statements } from './sql.ts';

/** What the sessions of one store have in common, one after the other. */
export interface Identity {
  /** Names the store in messages. */
  readonly store: string;
  readonly settings: PostgresSettings;
  readonly statements: Statements;
  /** This store object, while it is open: whoever finds another one in its place was taken over. */
  readonly holder: string;
}

/** What a session tells its owner. */
export interface SessionOwner {
  /** It is of no use any more. */
  lost(session: Session, cause: Error): void;
  renewed(bytes: number): void;
}

interface NodeRow {
  readonly id: string;
  readonly holder: string;
  readonly name: string;
  readonly session: string;
  readonly expires: string;
  readonly left_ms: number;
}

/** A node, and the fence of the session that has it. */
interface Place {
  readonly id: string;
  readonly fence: string;
}

interface LockedNode {
  readonly id: string;
  readonly holder: string;
  readonly name: string;
  readonly is_over: boolean;
}

/** How often a lease is renewed before it runs out. */
const RENEWALS = 5;
/** The share of a lease after which we do not trust it any more: others count by the clock of the database. */
const TRUSTED_SHARE = 0.8;
const LOOK_MS = 250;

export const newHolder = (): string => randomUUID();

/**
 * Two connections to the database, and the right to the store for as long as the lease is renewed: one for batches, one for
 * the lease and for reading, which must not wait for each other. When one of them breaks, both end.
 *
 * Each session has a fence of its own. A statement of an earlier one that is still on its way finds another fence, and does
 * nothing.
 */
export class Session {
  readonly writer: Connection;
  readonly reader: Connection;
  /** The node that owns the rows of jobs. */
  readonly node: string;
  readonly fence: string;
  readonly #identity: Identity;
  readonly #owner: SessionOwner;
  #trustedUntilMs: number;
  #renewal: Timer | undefined;
  #isOver = false;

  private constructor(
    identity: Identity,
    owner: SessionOwner,
    connections: readonly [Connection, Connection],
    { id, fence }: Place,
    joinedMs: number,
  ) {
    this.#identity = identity;
    this.#owner = owner;
    [this.writer, this.reader] = connections;
    this.node = id;
    this.fence = fence;
    this.#trustedUntilMs = joinedMs + this.#trustedMs;
    this.#renewLater();
  }

  /** Opens the store: makes its tables if need be, and waits for the end of the lease of a holder that is dead. */
  static open(identity: Identity, owner: SessionOwner): Promise<Session> {
    return Session.#begin(identity, owner, async (writer, name) => {
      await migrate(writer, identity.settings.schema, identity.store);
      await waitForLease(writer, identity);
      return join(writer, identity, name, undefined);
    });
  }

  /** Goes on where the last session was lost. @throws StoreTakenOverError when somebody else has been there since */
  static resume(identity: Identity, owner: SessionOwner, lastFence: string): Promise<Session> {
    return Session.#begin(identity, owner, (writer, name) => join(writer, identity, name, lastFence));
  }

  static async #begin(
    identity: Identity,
    owner: SessionOwner,
    work: (writer: Connection, name: string) => Promise<Place>,
  ): Promise<Session> {
    const { settings } = identity;
    const name = `gearman ${randomUUID()}`;
    const opened: Connection[] = [];
    let session: Session | undefined;
    let early: Error | undefined;
    const lost = (error: Error): void => {
      early ??= error;
      session?.end(error);
    };
    try {
      const writer = await Connection.open(settings, name, lost);
      opened.push(writer);
      await inspect(writer, identity);
      const reader = await Connection.open(settings, name, lost);
      opened.push(reader);
      const joinedMs = settings.clock.monotonicMs();
      const place = await work(writer, name);
      if (early !== undefined) throw early;
      session = new Session(identity, owner, [writer, reader], place, joinedMs);
      return session;
    } catch (error) {
      for (const connection of opened) connection.destroy();
      throw error;
    }
  }

  /** False when the lease may have run out without our noticing: the process stood still, for example. */
  get isTrusted(): boolean {
    return !this.#isOver && this.#identity.settings.clock.monotonicMs() < this.#trustedUntilMs;
  }

  /** It is of no use any more; tells the owner. */
  end(cause: Error): void {
    if (this.#isOver) return;
    this.#stop();
    this.writer.destroy();
    this.reader.destroy();
    this.#owner.lost(this, cause);
  }

  /** Ends it and the lease: the next one need not wait. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#stop();
    try {
      await this.writer.rows(this.#identity.statements.release, [this.node, this.fence]);
      await Promise.all([this.writer.close(), this.reader.close()]);
    } catch {
      // Then it runs out by itself.
      this.writer.destroy();
      this.reader.destroy();
    }
  }

  #stop(): void {
    this.#isOver = true;
    this.#renewal?.cancel();
  }

  get #trustedMs(): number {
    return this.#identity.settings.leaseMs * TRUSTED_SHARE;
  }

  #renewLater(): void {
    const { clock, leaseMs } = this.#identity.settings;
    this.#renewal = clock.setTimer(leaseMs / RENEWALS, () => void this.#renew(), { unref: true });
  }

  async #renew(): Promise<void> {
    const { settings, statements } = this.#identity;
    const sentMs = settings.clock.monotonicMs();
    try {
      const values = [this.node, this.fence, settings.leaseMs, statements.jobTable];
      const [renewed] = await this.reader.rows<{ bytes: string }>(statements.renew, values);
      if (renewed === undefined) throw new Error('its lease is gone');
      if (this.#isOver) return;
      this.#trustedUntilMs = sentMs + this.#trustedMs;
      this.#owner.renewed(Number(renewed.bytes));
      this.#renewLater();
    } catch (error) {
      this.end(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** @throws StoreUnusableError when the database does not keep what it confirms, or cannot write */
async function inspect(connection: Connection, { settings, store }: Identity): Promise<void> {
  const [found] = await connection.rows<{ synchronous_commit: string; fsync: string; is_standby: boolean }>(
    INSPECT,
  );
  if (found?.is_standby === true) {
    throw new StoreUnusableError(`${store} is a standby, which cannot be written; name the primary`);
  }
  const off = [
    ...(found?.synchronous_commit === 'off' ? ['synchronous_commit'] : []),
    ...(found?.fsync === 'off' ? ['fsync'] : []),
  ].join(' and ');
  if (off === '') return;
  const sentence = `${store} confirms what it has not written, as ${off} is off: a crash loses acknowledged jobs`;
  if (!settings.allowAsync) {
    throw new StoreUnusableError(`${sentence}; turn it on, or say allowAsync if that may be`);
  }
  settings.logger.warn({ store }, sentence);
}

/**
 * Waits until the lease of a dead holder has ended. One that is renewed meanwhile is alive.
 *
 * @throws StoreLockedError when there is a holder, and it is alive
 */
async function waitForLease(
  connection: Connection,
  { settings, statements, store }: Identity,
): Promise<void> {
  const { clock, logger } = settings;
  let first: NodeRow | undefined;
  for (;;) {
    const [node] = await connection.rows<NodeRow>(statements.nodes);
    if (node === undefined || node.left_ms <= 0) return;
    if (first !== undefined && node.expires !== first.expires) throw new StoreLockedError(store, node.name);
    if (first === undefined) {
      first = node;
      const { name: holder, left_ms: leaseMs } = node;
      logger.info(
        { store, holder, leaseMs: Math.ceil(leaseMs) },
        'the last holder has not said goodbye; the end of its lease is waited for',
      );
    }
    await new Promise<void>((resolve) => {
      clock.setTimer(Math.min(node.left_ms, LOOK_MS), resolve);
    });
  }
}

/**
 * Takes the node over, with a new fence.
 *
 * @param lastFence of our last session; undefined for the first
 */
async function join(
  writer: Connection,
  { settings, statements, store, holder }: Identity,
  session: string,
  lastFence: string | undefined,
): Promise<Place> {
  const { leaseMs, schema } = settings;
  const name = `process ${process.pid} on ${hostname()}`;
  const [before] = await writer.rows<NodeRow>(statements.nodes);
  if (before !== undefined && (before.holder === holder || before.left_ms <= 0)) {
    // Not ours to end, if it has another user: then what it holds ends by itself.
    await writer.rows(END_SESSIONS, [before.session]).catch(() => {});
  }
  return writer.transaction(async () => {
    await writer.rows(ALONE, [schema]);
    const [there] = await writer.rows<NodeRow>(statements.nodes);
    const [node] = await writer.rows<LockedNode>(statements.lockNode, [there?.id ?? null]);
    if (node !== undefined && node.holder !== holder) {
      if (lastFence !== undefined) throw new StoreTakenOverError(store, node.name);
      if (!node.is_over) throw new StoreLockedError(store, node.name);
    }
    const values = [holder, name, session, lastFence ?? '0', leaseMs];
    const [joined] = await (node === undefined
      ? writer.rows<Place>(statements.addNode, values)
      : writer.rows<Place>(statements.takeNode, [node.id, ...values]));
    if (joined === undefined) throw new StoreUnusableError(`${store} lets nobody in`);
    return joined;
  });
}
