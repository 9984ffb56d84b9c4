import { systemClock } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { serverName } from '../../src/address.ts';
import { createPool, parsePoolOptions } from '../../src/index.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('parsePoolOptions', () => {
  test('fills in every default', () => {
    vi.stubEnv('GEARMAN_SERVERS', undefined);
    const settings = parsePoolOptions({});
    expect(settings).toMatchObject({
      servers: [{ kind: 'tcp', host: '127.0.0.1', port: 4730 }],
      strategy: 'auto',
      connectTimeoutMs: 4000,
      replyTimeoutMs: 10_000,
      reconnect: { type: 'fibonacci', minMs: 10, maxMs: 10_000, jitter: 0.15, maxAttempts: Infinity },
      heartbeat: { idleMs: 30_000, timeoutMs: 10_000 },
      options: [],
      lazy: false,
      connectionsPerServer: 1,
      maxPending: Infinity,
      dump: 'off',
      redactPayload: false,
      clientId: undefined,
      maxPacketBytes: 64 * 1024 * 1024,
    });
    expect(settings.random).toBe(Math.random);
    expect(settings.clock.setTimer).toBe(systemClock.setTimer);
    expect(settings.logger.warn({}, 'unheard')).toBeUndefined();
    expect(settings.dial).toBeTypeOf('function');
  });

  test('keeps what the caller gave, objects by identity', () => {
    const random = (): number => 0.25;
    const clock = Object.create(systemClock);
    const dial = (): never => {
      throw new Error('not called');
    };
    expect(parsePoolOptions({ random, clock, dial, reconnect: { minMs: 7 } })).toMatchObject({
      reconnect: { type: 'fibonacci', minMs: 7, maxMs: 10_000 },
    });
    const settings = parsePoolOptions({ random, clock, dial });
    expect(settings.random).toBe(random);
    expect(settings.clock).toBe(clock);
    expect(settings.dial).toBe(dial);
  });

  test.each([
    ['', ['127.0.0.1:4730']],
    ['  ', ['127.0.0.1:4730']],
    ['a,b:1,[::1]:2', ['a:4730', 'b:1', '[::1]:2']],
  ])('takes the servers from GEARMAN_SERVERS=%j', (value, names) => {
    vi.stubEnv('GEARMAN_SERVERS', value);
    expect(parsePoolOptions({}).servers.map(serverName)).toEqual(names);
  });

  test('ignores GEARMAN_SERVERS when servers are given', () => {
    vi.stubEnv('GEARMAN_SERVERS', 'not: an address');
    expect(parsePoolOptions({ servers: 'a' }).servers.map(serverName)).toEqual(['a:4730']);
  });

  test('blames GEARMAN_SERVERS for what is wrong with it', () => {
    vi.stubEnv('GEARMAN_SERVERS', 'a:x');
    expect(() => parsePoolOptions({})).toThrow(/GEARMAN_SERVERS: "a:x" is not a server address/);
  });

  test.each<[string, object]>([
    ['server', { server: 'a' }],
    ['servers', { servers: 5 }],
    ['servers', { servers: [{ host: 'a', prot: 1 }] }],
    ['strategy', { strategy: 'best' }],
    ['connectTimeoutMs', { connectTimeoutMs: 0 }],
    ['replyTimeoutMs', { replyTimeoutMs: '5' }],
    ['reconnect.jitter', { reconnect: { jitter: 2 } }],
    ['reconnect.maxAttempts', { reconnect: { maxAttempts: 0 } }],
    ['options.0', { options: [''] }],
    ['options.0', { options: ['ü'.repeat(32)] }],
    ['clientId', { clientId: 'two words' }],
    ['clientId', { clientId: 'ü'.repeat(64) }],
    ['maxPacketBytes', { maxPacketBytes: 1.5 }],
    ['clock', { clock: 5 }],
    ['random', { random: 0.5 }],
    ['dial', { dial: 'tcp' }],
    ['heartbeat.idleMs', { heartbeat: { idleMs: 0 } }],
    ['heartbeat', { heartbeat: true }],
    ['reconnect', { reconnect: 'fast' }],
    ['options.0', { options: [{ name: 'x', must: true }] }],
    ['dump', { dump: 'all' }],
    ['connectionsPerServer', { connectionsPerServer: 65 }],
    ['maxPending', { maxPending: 0 }],
    ['connectAttempts.fast', { connectAttempts: { fast: 0 } }],
    ['onServerLost', { onServerLost: 'retry' }],
    ['lazy', { lazy: 1 }],
    ['servers', { servers: { host: 'a', heartbeat: { idleMs: 0 } } }],
    ['servers', { servers: { open: 'a', name: 'b' } }],
  ])('refuses a wrong %s', (name, options) => {
    expect(() => createPool(options)).toThrow(InvalidArgumentError);
    expect(() => createPool(options)).toThrow(`createPool(): ${name === 'server' ? '' : name}`);
  });
});
