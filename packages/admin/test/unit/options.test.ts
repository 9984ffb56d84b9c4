import { InvalidArgumentError, JobRef } from '@gearman/protocol';
import { FakeDial } from '@gearman/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Admin, createAdmin } from '../../src/index.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('createAdmin', () => {
  test('takes the servers from the environment', () => {
    vi.stubEnv('GEARMAN_SERVERS', 'a,b:1');
    expect(createAdmin().servers).toEqual(['a:4730', 'b:1']);
  });

  test.each([
    ['server', { server: 'a' }],
    ['servers', { servers: 'a:x' }],
    ['replyTimeoutMs', { replyTimeoutMs: 0 }],
    ['idleMs', { idleMs: -1 }],
    ['strategy', { strategy: 'first' }],
  ])('refuses a wrong %s', (_, options) => {
    expect(() => createAdmin(options as object)).toThrow(InvalidArgumentError);
  });
});

describe('Admin', () => {
  const net = new FakeDial();
  const admin = createAdmin({ servers: 'a,b', dial: net.dial });

  test.each<[string, () => Promise<unknown>]>([
    ['an unknown option', () => admin.status({ server: 'a' } as object)],
    ['a server it was not built with', () => admin.version({ servers: 'c' })],
    ['a time-out that is none', () => admin.workers({ timeoutMs: -1 })],
    ['a function name with a space', () => admin.createFunction('two words')],
    ['a function name with a line feed', () => admin.dropFunction('a\nshutdown')],
    ['no function name', () => admin.createFunction('')],
    ['a limit below 0', () => admin.maxQueue('f', -1)],
    ['an unknown priority', () => admin.maxQueue('f', { urgent: 1 } as object)],
    ['a handle without its server', () => admin.cancelJob('H:box:1')],
    ['a reference to another server', () => admin.cancelJob('c:4730//H:box:1')],
    ['a reference that cannot be read', () => admin.cancelJob('//H:box:1')],
    ['a handle with a space', () => admin.cancelJob(new JobRef('a:4730', 'H:box 1'))],
    ['two lines', () => admin.command('version\nstatus')],
  ])('refuses %s before anything is dialled', async (_, call) => {
    await expect(call()).rejects.toThrow(InvalidArgumentError);
    expect(net.attempts).toEqual([]);
  });

  test.each([0, -5, Number.NaN])('refuses to look every %d ms', (intervalMs) => {
    expect(() => admin.poll$({ intervalMs })).toThrow(InvalidArgumentError);
  });

  test.each<[string, (each: Admin) => Promise<unknown>]>([
    ['maxqueue f', (each) => each.maxQueue('f', null)],
    ['maxqueue f 0', (each) => each.maxQueue('f', 0)],
    ['maxqueue f 5', (each) => each.maxQueue('f', 5)],
    ['maxqueue f 5 0 7', (each) => each.maxQueue('f', { high: 5, low: 7 })],
    ['create function f', (each) => each.createFunction('f')],
    ['drop function f', (each) => each.dropFunction('f')],
    ['cancel job H:box:1', (each) => each.cancelJob('H:box:1')],
    ['cancel job H:box:1', (each) => each.cancelJob(new JobRef('a:4730', 'H:box:1'))],
    ['shutdown', (each) => each.shutdown()],
    ['shutdown graceful', (each) => each.shutdown({ graceful: true })],
    ['show unique jobs', (each) => each.uniqueJobs()],
    ['anything at all', (each) => each.command('anything at all')],
  ])('sends %j', async (line, call) => {
    const wire = new FakeDial();
    const each = createAdmin({ servers: 'a', dial: wire.dial });
    const answer = call(each);
    wire.last.accept();
    await vi.waitFor(() => expect(wire.last.types[0]).toBe(line));
    wire.last.close();
    await expect(answer).rejects.toMatchObject({ code: 'ERR_GEARMAN_CONNECTION_LOST' });
  });
});
