import { FakeClock, FakeDial, type FakeTransport } from '@gearman/testing';
import type { PoolEvent, PoolOptions } from '../../src/index.ts';
import { type Connection, createPool, type Pool } from '../../src/index.ts';

/** A pool on a fake network and a fake clock, with everything it told. */
export interface FakePool {
  readonly pool: Pool;
  readonly clock: FakeClock;
  readonly net: FakeDial;
  readonly events: PoolEvent[];
  /** The types of the events, `state` events as `from>to`. */
  readonly story: () => string[];
  /** The first connection. */
  readonly connection: Connection;
}

export function createFakePool(options: PoolOptions = {}): FakePool {
  const clock = new FakeClock();
  const net = new FakeDial();
  const pool = createPool({
    servers: 'a:1',
    clock,
    dial: net.dial,
    random: () => 0.5,
    heartbeat: false,
    ...options,
  });
  const events: PoolEvent[] = [];
  pool.on('event', (event) => events.push(event));
  const [connection] = pool.connections;
  if (connection === undefined) throw new Error('a pool has at least one connection');
  const story = (): string[] =>
    events.map((event) => (event.type === 'state' ? `${event.from}>${event.to}` : event.type));
  return { pool, clock, net, events, story, connection };
}

/** A pool whose only connection is open. */
export function createOpenPool(options: PoolOptions = {}): FakePool & { readonly server: FakeTransport } {
  const fake = createFakePool(options);
  fake.net.last.accept();
  fake.events.length = 0;
  return { ...fake, server: fake.net.last };
}
