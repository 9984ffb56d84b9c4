import {
  FakeClock,
  type FakeServer,
  fakeServer,
  freePort,
  type LeakWatch,
  startOurServer,
  watchLeaks,
} from '@gearman/testing';
import { lastValueFrom, take, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createAdmin, NoAnswerError, type Snapshot } from '../../src/index.ts';

let leaks: LeakWatch;
beforeEach(() => {
  leaks = watchLeaks();
});
afterEach(() => leaks.check());

/** Answers every command with these lines, and the fence behind it. */
const saying = (lines: string): Promise<FakeServer> =>
  fakeServer((peer, message) => {
    if (message.type === 'TEXT') peer.sendBytes(lines);
    else peer.sendBytes('\0RES\0\0\0\x11\0\0\0\x01.');
  });

describe('Admin, with several servers', () => {
  test('adds up what those say that answer, and names the others', async () => {
    await using one = await startOurServer();
    await using two = await saying('f\t3\t1\t2\nother\t1\t0\t0\n.\n');
    const down = `127.0.0.1:${await freePort()}`;
    const names = [down, one.server, `127.0.0.1:${two.port}`];
    await using admin = createAdmin({ servers: names });
    await admin.createFunction('f', { servers: one.server });
    const { functions, answers, failures } = await admin.status();
    expect(functions).toEqual([
      { functionName: 'f', total: 3, queued: 2, running: 1, workers: 2 },
      { functionName: 'other', total: 1, queued: 1, running: 0, workers: 0 },
    ]);
    expect(answers.map(({ server, value }) => [server, value.length])).toEqual([
      [one.server, 1],
      [`127.0.0.1:${two.port}`, 2],
    ]);
    expect(failures).toMatchObject([{ server: down, error: { code: 'ERR_GEARMAN_CONNECT' } }]);
  });

  test('rejects when none answers, and tells of each why', async () => {
    await using garbage = await saying('what?\n');
    const down = `127.0.0.1:${await freePort()}`;
    await using admin = createAdmin({ servers: [down, `127.0.0.1:${garbage.port}`] });
    const error = await admin.status().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NoAnswerError);
    expect(error).toMatchObject({
      message: expect.stringMatching(
        /^none of 2 job servers answered \(.* refused; .* answered status with "what\?"/,
      ),
      failures: [
        { server: down, error: { code: 'ERR_GEARMAN_CONNECT' } },
        { error: { code: 'ERR_GEARMAN_ADMIN_PARSE', line: 'what?' } },
      ],
    });
    await expect(admin.status({ servers: down })).rejects.toMatchObject({ code: 'ERR_GEARMAN_CONNECT' });
  });

  test('each() keeps what went well, and names the others', async () => {
    await using good = await startOurServer();
    const down = `127.0.0.1:${await freePort()}`;
    await using admin = createAdmin({ servers: [good.server, down] });
    const { answers, failures } = await admin.each(async (one) => (await one.status()).length);
    expect(answers).toEqual([{ server: good.server, value: 0 }]);
    expect(failures).toMatchObject([{ server: down, error: { code: 'ERR_GEARMAN_CONNECT' } }]);
    const own = new RangeError('of the caller');
    await expect(admin.each(() => Promise.reject(own))).rejects.toBe(own);
    await expect(admin.each((one) => one.createFunction(''))).rejects.toMatchObject({
      code: 'ERR_GEARMAN_INVALID_ARGUMENT',
    });
  });

  test('a server that never answers delays the others no longer than timeoutMs', async () => {
    await using good = await startOurServer();
    await using mute = await fakeServer();
    const clock = new FakeClock();
    await using admin = createAdmin({ servers: [good.server, `127.0.0.1:${mute.port}`], clock });
    const answered = new Promise((resolve) => admin.once('command', resolve));
    const versions = admin.version({ timeoutMs: 20 });
    await Promise.all([answered, mute.until(() => mute.received.length > 0)]);
    clock.advance(20);
    const { answers, failures } = await versions;
    expect(answers.length).toBe(1);
    expect(failures).toMatchObject([{ error: { code: 'ERR_GEARMAN_REPLY_TIMEOUT' } }]);
  });

  test.each([
    ['garbage bytes', '\0\0\0\0'],
    ['a web page', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['the beginning of a list', 'a\t1\t1\t1\n'],
    ['a list that is none', 'x\n.\n'],
  ])('%s are an error with a code, and the next command works', async (_, bytes) => {
    await using server = await saying(bytes);
    await using admin = createAdmin({ servers: `127.0.0.1:${server.port}` });
    for (let i = 0; i < 3; i++) {
      await expect(admin.status()).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_GEARMAN_/) });
    }
  });

  test('reads a line as long as a worker with thousands of functions makes it', async () => {
    const names = Array.from({ length: 5000 }, (_, i) => `function-number-${i}`);
    await using server = await saying(`7 10.0.0.1 w : ${names.join(' ')}\n.\n`);
    await using admin = createAdmin({ servers: `127.0.0.1:${server.port}` });
    expect((await admin.workers()).workers[0]?.functionNames).toEqual(names);
  });
});

describe('Admin, polling', () => {
  test('looks at nothing before somebody subscribes, and hangs up when nobody does any more', async () => {
    await using server = await saying('.\n');
    await using admin = createAdmin({ servers: `127.0.0.1:${server.port}` });
    const changes = admin.poll$({ intervalMs: 1 });
    expect(server.accepted).toBe(0);
    const seen: Snapshot[] = [];
    const subscription = changes.subscribe((snapshot) => seen.push(snapshot));
    await server.until(() => server.received.length > 40);
    expect(seen).toMatchObject([{ functions: [], workers: [], failures: [], takenAtMs: expect.any(Number) }]);
    expect(server.accepted).toBe(1);
    subscription.unsubscribe();
    await server.until(() => server.peers.size === 0);
    expect(seen.length).toBe(1);
  });

  test('shows a server that goes and comes back, and never errors', async () => {
    const first = await startOurServer();
    const { port } = first;
    await using admin = createAdmin({ servers: first.server });
    const seen: Snapshot[] = [];
    const restarted = new Promise<void>((resolve, reject) => {
      let stopped: Promise<void> | undefined;
      let again: ReturnType<typeof startOurServer> | undefined;
      const subscription = admin.poll$({ intervalMs: 1 }).subscribe({
        next: (snapshot) => {
          seen.push(snapshot);
          if (stopped === undefined) stopped = first.stop();
          else if (snapshot.failures.length > 0) again ??= stopped.then(() => startOurServer({}, port));
          else if (again !== undefined) {
            subscription.unsubscribe();
            resolve(again.then((server) => server.stop()));
          }
        },
        error: reject,
      });
    });
    await restarted;
    const codes = seen.map(({ failures }) => failures[0]?.error.code ?? 'up');
    expect(codes[0]).toBe('up');
    expect(codes.at(-1)).toBe('up');
    // Lost in the middle of a look, refused, or both, one after the other.
    const down = codes.filter((code) => code !== 'up');
    for (const code of down) expect(['ERR_GEARMAN_CONNECTION_LOST', 'ERR_GEARMAN_CONNECT']).toContain(code);
    expect(down.length).toBeGreaterThan(0);
  });

  test('is cold: each subscriber looks for itself', async () => {
    await using server = await startOurServer();
    await using admin = createAdmin({ servers: server.server });
    const changes = admin.poll$({ intervalMs: 1 });
    const [one, two] = await Promise.all([
      lastValueFrom(changes.pipe(take(1))),
      lastValueFrom(changes.pipe(take(1))),
    ]);
    expect(one.functions).toEqual(two.functions);
    expect(one).not.toBe(two);
  });

  test('completes when the admin closes, also for who comes later', async () => {
    await using server = await startOurServer();
    const admin = createAdmin({ servers: server.server });
    let first = (): void => {};
    const shown = new Promise<void>((resolve) => {
      first = resolve;
    });
    const all = lastValueFrom(admin.poll$().pipe(toArray()), { defaultValue: [] });
    admin.poll$().subscribe(first);
    await shown;
    await admin.close();
    expect((await all).length).toBeLessThanOrEqual(1);
    expect(await lastValueFrom(admin.poll$().pipe(toArray()))).toEqual([]);
  });
});
