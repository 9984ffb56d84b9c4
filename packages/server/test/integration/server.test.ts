import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, ListenError, type ListenOptions, type ServerEvent } from '@gearman/server';
import { describe, expect, test } from 'vitest';
import { toServerName } from '../../src/net/listen.ts';
import { readMessage } from '../support/read-message.ts';
import {
  canDo,
  echo,
  grab,
  handleIn,
  preSleep,
  submit,
  submitBackground,
  workComplete,
} from '../support/requests.ts';
import { startServer } from '../support/start-server.ts';
import { TestConnection } from '../support/test-connection.ts';

const read = (messages: readonly string[]): string[] => messages.map(readMessage);

describe('listening', () => {
  test('a taken port is a ListenError that names it', async () => {
    const { port } = await startServer();
    const second = createServer();
    await expect(second.listen({ port })).rejects.toThrow(ListenError);
    await expect(second.listen({ port })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port}: the address is in use`,
    );
    await second.close();
  });

  test('several addresses may be open at once, and none after close()', async () => {
    const server = await createServer().listen({ port: 0 });
    await server.listen({ port: 0 });
    const ports = server.addresses.map(({ port }) => port ?? 0);
    expect(new Set(ports).size).toBe(2);
    for (const port of ports) {
      const peer = await TestConnection.open(port);
      expect(await peer.ask(echo('x'))).toHaveLength(1);
      await peer.close();
    }
    await server.close();
    expect(server.addresses).toEqual([]);
  });

  test('has an address that clients take, while it listens', async () => {
    await using server = createServer();
    expect(() => server.address).toThrow(expect.objectContaining({ code: 'ERR_GEARMAN_LISTEN' }));
    await server.listen({ port: 0 });
    const [, port] = /^127\.0\.0\.1:(\d+)$/.exec(server.address) ?? [];
    const peer = await TestConnection.open(Number(port));
    await peer.close();
    const addressOf = async (options: ListenOptions): Promise<string> => {
      await using other = await createServer().listen(options);
      return other.address.replace(/\d+$/, 'port');
    };
    // The listener takes the file away when it closes.
    const path = join(tmpdir(), `gearman-${randomUUID()}.sock`);
    expect(await addressOf({ path })).toBe(`unix:${path}`);
    expect(await addressOf({ host: '0.0.0.0', port: 0 })).toBe('127.0.0.1:port');
    expect(toServerName({ host: '::', port: 4730 })).toBe('[::1]:4730');
    expect(toServerName({ host: 'fe80::1', port: 4730 })).toBe('[fe80::1]:4730');
    await server.close();
    expect(() => server.address).toThrow('does not listen');
  });

  test.each([
    [{ jobRetries: -2 }, 'jobRetries'],
    [{ jobHandlePrefix: 'x'.repeat(39) }, 'jobHandlePrefix'],
    [{ jobHandlePrefix: 'with blank' }, 'jobHandlePrefix'],
    [{ workerWakeup: 'some' }, 'workerWakeup'],
    [{ limits: { maxPacketBytes: 0 } }, 'limits.maxPacketBytes'],
    [{ nonsense: true }, 'nonsense'],
  ])('options are checked at the door: %j', (options, named) => {
    expect(() => createServer(options as never)).toThrow(named);
  });
});

describe('job handles', () => {
  test('begin with the host or the chosen prefix, and never repeat at the next start', async () => {
    const handles = new Set<string>();
    for (let start = 0; start < 3; start++) {
      const running = await startServer({ jobHandlePrefix: 'X:mine' });
      const [created] = await (await running.connect()).ask(submitBackground('f'));
      handles.add(handleIn(created));
    }
    expect(handles.size).toBe(3);
    for (const handle of handles) expect(handle).toMatch(/^X:mine:[0-9a-z]+-1$/);
    const running = await startServer();
    const [created] = await (await running.connect()).ask(submitBackground('f'));
    expect(handleIn(created)).toMatch(/^H:.+:[0-9a-z]+-1$/);
  });

  test('stay within 63 bytes with the longest prefix and a million million jobs', async () => {
    const running = await startServer({ jobHandlePrefix: 'x'.repeat(38) });
    const [created] = await (await running.connect()).ask(submitBackground('f'));
    expect(handleIn(created).length - 1 + '999999999999'.length).toBeLessThanOrEqual(63);
  });
});

describe('output', () => {
  test('of one turn leaves in one write', async () => {
    const running = await startServer();
    const peer = await running.connect();
    await peer.arrived();
    let chunks = 0;
    peer.stream.on('data', () => chunks++);
    peer.sendBytes(
      Buffer.concat(
        Array.from({ length: 200 }, (_, i) => Buffer.from(`\0REQ\0\0\0\x10\0\0\0\x04${1000 + i}`, 'latin1')),
      ),
    );
    await peer.skip(200 * 16);
    expect(chunks).toBe(1);
  });

  test('of many connections in one turn goes to each', async () => {
    const running = await startServer({ workerWakeup: 0 });
    const workers = await Promise.all(Array.from({ length: 20 }, () => running.connect()));
    for (const worker of workers) await worker.ask(canDo('f'), preSleep());
    await (await running.connect()).ask(submitBackground('f'));
    for (const worker of workers) expect(read(await worker.arrived())).toEqual(['NOOP']);
  });
});

describe('many connections', () => {
  test('come, work and go without a trace', async () => {
    const running = await startServer();
    const peers = await Promise.all(Array.from({ length: 500 }, () => running.connect()));
    await Promise.all(peers.map((peer, i) => peer.ask(canDo('f'), preSleep(), echo(`${i}`))));
    expect(running.server.stats).toMatchObject({ connections: 500, sleepingWorkers: 500, functions: 1 });
    await Promise.all(peers.map((peer) => peer.close()));
    await expect.poll(() => running.server.stats.connections).toBe(0);
    expect(running.server.stats.sleepingWorkers).toBe(0);
  });
});

describe('closing', () => {
  test('lets everybody go at once', async () => {
    const running = await startServer();
    const [client, worker] = [await running.connect(), await running.connect()];
    await client.ask(submit('f'));
    await worker.ask(canDo('f'), grab());
    await running.server.close();
    await Promise.all([client.closed, worker.closed]);
    expect(running.server.stats).toMatchObject({ connections: 0, runningJobs: 0 });
  });

  test('gracefully waits for running jobs, whose results still arrive, and refuses new ones', async () => {
    const running = await startServer();
    const [client, worker] = [await running.connect(), await running.connect()];
    await client.ask(submit('f'));
    const handle = handleIn((await worker.ask(canDo('f'), grab()))[0]);
    const closed = running.server.close({ graceful: true });
    expect(read(await client.ask(submit('f')))).toEqual([
      'ERROR SHUTTING_DOWN|The server is shutting down and accepts no jobs',
    ]);
    worker.send(workComplete(handle, 'last words'));
    await closed;
    await client.closed;
    expect(read(await client.arrived())).toEqual([`WORK_COMPLETE ${handle}|last words`]);
  });

  test('gracefully with a time limit does not wait for ever', async () => {
    const running = await startServer();
    const [client, worker] = [await running.connect(), await running.connect()];
    await client.ask(submit('f'));
    await worker.ask(canDo('f'), grab());
    await running.server.close({ graceful: true, timeoutMs: 1 });
    await client.closed;
  });

  test('twice is once, and a closed server accepts no in-process connections', async () => {
    const running = await startServer();
    expect(running.server.close()).toBe(running.server.close());
    await running.server.close();
    const peer = new TestConnection(running.server.connect());
    await peer.closed;
  });
});

describe('in-process connections', () => {
  test('work like a socket, large payloads included', async () => {
    const server = createServer();
    const [client, worker] = [new TestConnection(server.connect()), new TestConnection(server.connect())];
    const payload = 'x'.repeat(3_000_000);
    await client.ask(submit('f', payload));
    const [assigned] = await worker.ask(canDo('f'), grab());
    expect(assigned?.endsWith(payload)).toBe(true);
    worker.send(workComplete(handleIn(assigned), payload));
    await worker.arrived();
    expect((await client.arrived())[0]?.endsWith(payload)).toBe(true);
    await client.close();
    await expect.poll(() => server.stats.connections).toBe(1);
    await server.close();
    await worker.closed;
  });
});

describe('events', () => {
  test('tell the life of connections, functions and jobs, and end with closed', async () => {
    const server = await createServer({ jobHandlePrefix: 'H:x' }).listen({ port: 0 });
    const events: ServerEvent[] = [];
    let completed = false;
    server.events$.subscribe({ next: (event) => events.push(event), complete: () => (completed = true) });
    const peer = await TestConnection.open(server.addresses[0]?.port ?? 0);
    const gone = new Promise((resolve) => server.once('disconnect', resolve));
    await peer.ask(submit('caf\u00c3\u00a9', 'x', 'u'));
    const [assigned] = await peer.ask(canDo('caf\u00c3\u00a9'), grab());
    await peer.ask(workComplete(handleIn(assigned), 'r'));
    await peer.close();
    await gone;
    await server.close();
    const job = {
      handle: handleIn(assigned),
      functionName: 'caf\u00e9',
      uniqueId: 'u',
      priority: 'normal',
      background: false,
    };
    expect(events).toEqual([
      { type: 'connect', connectionId: 1, address: '127.0.0.1' },
      { type: 'function-created', functionName: 'caf\u00e9' },
      { type: 'job-queued', ...job },
      { type: 'job-assigned', connectionId: 1, ...job },
      { type: 'job-ended', how: 'complete', ...job },
      { type: 'disconnect', connectionId: 1, address: '127.0.0.1', reason: 'the peer closed the connection' },
      { type: 'closed' },
    ]);
    expect(completed).toBe(true);
    expect(server.stats.counters).toMatchObject({ queued: 1, assigned: 1, complete: 1, fail: 0 });
  });

  test('a listener that throws harms nobody', async () => {
    const running = await startServer();
    const errors: unknown[] = [];
    running.server.on('listener-error', ({ error }) => errors.push(error));
    running.server.on('job-queued', () => {
      throw new Error('from a listener');
    });
    expect(read(await (await running.connect()).ask(submitBackground('f')))[0]).toMatch(/^JOB_CREATED/);
    expect(errors).toHaveLength(1);
  });
});
