import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { ServerOptions } from '@gearman/server';
import { FakeClock } from '@gearman/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readMessage } from '../support/read-message.ts';
import {
  canDo,
  grab,
  handleIn,
  preSleep,
  submitBackground,
  workComplete,
  workData,
} from '../support/requests.ts';
import { readSamples, type Step } from '../support/samples.ts';
import { type RunningServer, startServer } from '../support/start-server.ts';
import type { TestConnection } from '../support/test-connection.ts';

interface Answer {
  readonly status: number;
  readonly handle: string | undefined;
  readonly command: string | undefined;
  readonly body: string;
}

interface Wish {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

const startHttp = (options: ServerOptions = {}): Promise<RunningServer> =>
  startServer({ ...options, http: { port: 0 } });

/** Sends a request and waits for the head of the answer. */
async function open(running: RunningServer, path: string, wish: Wish = {}): Promise<IncomingMessage> {
  const { method = wish.body === undefined ? 'GET' : 'POST', headers = {}, body } = wish;
  const port = running.server.httpAddress?.port;
  const sent = httpRequest({ port, host: '127.0.0.1', path, method, headers, agent: false });
  onTestFinished(() => void sent.destroy());
  sent.on('error', () => {});
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

async function ask(running: RunningServer, path: string, wish: Wish = {}): Promise<Answer> {
  const response = await open(running, path, wish);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const header = (name: string): string | undefined => response.headers[name]?.toString();
  return {
    status: response.statusCode ?? 0,
    handle: header('x-gearman-job-handle'),
    command: header('x-gearman-command'),
    body: Buffer.concat(chunks).toString('latin1'),
  };
}

/** A worker that sleeps until there is a job. */
async function startWorker(running: RunningServer, functionName = 'f'): Promise<TestConnection> {
  const worker = await running.connect();
  await worker.ask(canDo(functionName), preSleep());
  return worker;
}

/** Takes the next job, when it has come. */
async function take(
  running: RunningServer,
  worker: TestConnection,
): Promise<{ handle: string; job: string }> {
  await expect.poll(() => running.server.stats.jobs - running.server.stats.runningJobs).toBeGreaterThan(0);
  const assigned = (await worker.ask({ type: 'GRAB_JOB_UNIQ', magic: 'REQ' })).at(-1);
  return { handle: handleIn(assigned), job: readMessage(assigned ?? '').replace(/^\S+ [^|]+\|/, '') };
}

describe('a job over HTTP', () => {
  test.each([
    ['POST', { body: 'payload' }, 'f|-|payload'],
    ['PUT', { method: 'PUT', body: 'payload' }, 'f|-|payload'],
    ['GET', {}, 'f|-|'],
    ['a unique id', { body: 'p', headers: { 'X-Gearman-Unique': 'key' } }, 'f|key|p'],
  ])('is submitted with %s, and answered with its result', async (_, wish, job) => {
    const running = await startHttp();
    const worker = await startWorker(running);
    const answer = ask(running, '/f', wish);
    const taken = await take(running, worker);
    expect(taken.job).toBe(job);
    await worker.ask(workComplete(taken.handle, 'result\0\xff'));
    expect(await answer).toEqual({
      status: 200,
      handle: taken.handle,
      command: 'WORK_COMPLETE',
      body: 'result\0\xff',
    });
  });

  test('may be in the background, then the answer comes at once', async () => {
    const running = await startHttp();
    const answer = await ask(running, '/f', { body: 'x', headers: { 'X-Gearman-Background': 'True' } });
    expect(answer).toMatchObject({ status: 200, command: 'JOB_CREATED', body: '' });
    expect(answer.handle).toMatch(/^H:/);
    expect(running.server.stats).toMatchObject({ jobs: 1 });
  });

  test('has the priority that is asked for', async () => {
    const running = await startHttp();
    const background = { 'X-Gearman-Background': 'true' };
    for (const priority of ['low', 'normal', 'high']) {
      await ask(running, '/f', {
        body: priority,
        headers: { ...background, 'X-Gearman-Priority': priority },
      });
    }
    const worker = await running.connect();
    const assigned = await worker.ask(canDo('f'), grab(), grab(), grab());
    expect(assigned.map((message) => message.split('\0').at(-1))).toEqual(['high', 'normal', 'low']);
  });

  test('HEAD submits, too, and gets no body; HEAD / says that the server lives', async () => {
    const running = await startHttp();
    expect(await ask(running, '/', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    const worker = await startWorker(running);
    const answer = ask(running, '/f', { method: 'HEAD' });
    const { handle } = await take(running, worker);
    await worker.ask(workData(handle, 'part'), workComplete(handle, 'result'));
    expect(await answer).toEqual({ status: 200, handle, command: 'WORK_COMPLETE', body: '' });
  });

  test('of any function name can be submitted', async () => {
    const running = await startHttp();
    const names = ['a/b', 'with blank', 'grün', '?', 'a;b', 'x'.repeat(512)];
    for (const name of names) {
      const path = `/${encodeURIComponent(name)}?ignored=1`;
      const answer = await ask(running, path, { headers: { 'X-Gearman-Background': 'true' } });
      expect(answer.status).toBe(200);
    }
    await ask(running, '//two/slashes', { headers: { 'X-Gearman-Background': 'true' } });
    const created: string[] = [];
    for (const line of (await (await running.connect()).askText('status\n')).split('\n')) {
      if (line.includes('\t')) created.push(Buffer.from(line.split('\t')[0] ?? '', 'latin1').toString());
    }
    expect(created).toEqual([...names, 'two/slashes']);
  });

  test('of a client that goes away is given up', async () => {
    const running = await startHttp();
    const socket = connect({ port: running.server.httpAddress?.port ?? 0, host: '127.0.0.1' });
    socket.write('GET /f HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => running.server.stats.jobs).toBe(1);
    socket.destroy();
    await expect.poll(() => running.server.stats.jobs).toBe(0);
    expect(running.server.stats).toMatchObject({ connections: 0, counters: { abandoned: 1 } });
  });

  test('is one job for all who ask for the same', async () => {
    const running = await startHttp();
    const answers = [ask(running, '/f', { body: 'same' }), ask(running, '/f', { body: 'same' })];
    await expect.poll(() => running.server.stats.connections).toBe(2);
    const worker = await startWorker(running);
    const { handle } = await take(running, worker);
    await worker.ask(workComplete(handle, 'once'));
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['once', 'once']);
    expect(running.server.stats.counters.queued).toBe(1);
  });
});

describe('output of a job while it runs', () => {
  test('is sent on at once, in front of the result', async () => {
    const running = await startHttp();
    const worker = await startWorker(running);
    const answer = open(running, '/f', { body: 'x' });
    const { handle } = await take(running, worker);
    await worker.ask(workData(handle, 'first '));
    const response = await answer;
    const chunks = response[Symbol.asyncIterator]();
    expect(String((await chunks.next()).value)).toBe('first ');
    await worker.ask(workData(handle, 'second '), workComplete(handle, 'end'));
    const rest: string[] = [];
    for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next())
      rest.push(String(chunk.value));
    expect(rest.join('')).toBe('second end');
    expect(response.headers).toMatchObject({ 'x-gearman-command': 'WORK_DATA' });
    expect(response.trailers).toEqual({ 'x-gearman-command': 'WORK_COMPLETE' });
  });

  test('is cut off when the job fails, so that nobody takes it for the whole', async () => {
    const running = await startHttp();
    const worker = await startWorker(running);
    const answer = open(running, '/f', { body: 'x' });
    const { handle } = await take(running, worker);
    await worker.ask(workData(handle, 'part'));
    const response = await answer;
    await worker.ask({ type: 'WORK_FAIL', magic: 'REQ', handle });
    const readAll = async (): Promise<void> => {
      for await (const _ of response);
    };
    await expect(readAll()).rejects.toThrow();
  });

  test('reaches HTTP/1.0, too', async () => {
    const running = await startHttp();
    const worker = await startWorker(running);
    const socket = connect({ port: running.server.httpAddress?.port ?? 0, host: '127.0.0.1' });
    socket.write('POST /f HTTP/1.0\r\nContent-Length: 1\r\n\r\nx');
    const { handle } = await take(running, worker);
    await worker.ask(workData(handle, 'part '), workComplete(handle, 'end'));
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\npart end$/s);
  });

  test('waits for a client that reads slowly, together with the worker', async () => {
    const running = await startHttp({ limits: { outboxSoftBytes: 100_000 } });
    const worker = await startWorker(running);
    const answer = open(running, '/f', { body: 'x' });
    const { handle } = await take(running, worker);
    const piece = 'x'.repeat(100_000);
    for (let i = 0; i < 200; i++) worker.send(workData(handle, piece));
    worker.send(workComplete(handle, 'end'));
    const response = await answer;
    await expect.poll(() => running.server.stats.limits.outboxSoftBytes).toBeGreaterThan(0);
    expect(running.server.stats.outputBytes).toBeLessThan(1_000_000);
    let received = 0;
    for await (const chunk of response) received += (chunk as Buffer).length;
    expect(received).toBe(200 * piece.length + 3);
    expect(running.server.stats.outputBytes).toBe(0);
  });
});

describe('what goes wrong over HTTP has a status', () => {
  test.each([
    ['no function', '/', {}, 404, ''],
    ['another method', '/f', { method: 'DELETE' }, 405, 'METHOD'],
    ['TRACE, which gearmand never answers', '/f', { method: 'TRACE' }, 405, 'METHOD'],
    ['OPTIONS', '/f', { method: 'OPTIONS' }, 405, 'METHOD'],
    ['a path that cannot be decoded', '/%zz', {}, 400, 'PATH'],
    ['a NUL in the name', '/a%00b', {}, 400, 'INVALID_ARGUMENT'],
    ['a name that is too long', `/${'x'.repeat(513)}`, {}, 400, 'INVALID_ARGUMENT'],
    ['a long unique id', '/f', { headers: { 'X-Gearman-Unique': 'x'.repeat(65) } }, 400, 'INVALID_ARGUMENT'],
    ['a strange priority', '/f', { headers: { 'X-Gearman-Priority': 'urgent' } }, 400, 'INVALID_ARGUMENT'],
    ['neither true nor false', '/f', { headers: { 'X-Gearman-Background': '1' } }, 400, 'INVALID_ARGUMENT'],
    ['a web page', '/f', { body: 'x', headers: { Origin: 'http://example.org' } }, 403, 'FORBIDDEN'],
    ['an image in a web page', '/f', { headers: { 'Sec-Fetch-Site': 'cross-site' } }, 403, 'FORBIDDEN'],
    ['a large body', '/f', { body: 'x'.repeat(2000) }, 413, 'ARGUMENT_TOO_LARGE'],
    [
      'a large body of unknown size',
      '/f',
      { body: 'x'.repeat(200_000), headers: { 'Transfer-Encoding': 'chunked' } },
      413,
      'ARGUMENT_TOO_LARGE',
    ],
    ['too many jobs', '/f', { body: 'x' }, 503, 'QUEUE_ERROR'],
  ])('%s', async (_, path, wish: Wish, status, error) => {
    const running = await startHttp({ limits: { maxPacketBytes: 1000, maxJobs: 1 } });
    await (await running.connect()).ask(submitBackground('g'));
    const answer = await ask(running, path, wish);
    expect(answer.status).toBe(status);
    if (error !== '') expect(JSON.parse(answer.body)).toMatchObject({ error });
    await expect.poll(() => running.server.stats.connections).toBe(1);
    expect(running.server.stats).toMatchObject({ jobs: 1, inputBytes: 0, outputBytes: 0 });
  });

  test.each([
    ['WORK_FAIL', {}, 'the job failed, or was cancelled'],
    ['WORK_EXCEPTION', { data: Buffer.from('no such file: ä') }, 'no such file: ä'],
  ] as const)('%s is 502, with the whole handle', async (type, fields, message) => {
    const running = await startHttp();
    const worker = await startWorker(running);
    const answer = ask(running, '/f', { body: 'x' });
    const { handle } = await take(running, worker);
    await worker.ask({ type, magic: 'REQ', handle, data: Buffer.alloc(0), ...fields });
    const { body, ...head } = await answer;
    expect(head).toEqual({ status: 502, handle, command: type });
    expect(JSON.parse(Buffer.from(body, 'latin1').toString())).toEqual({ error: type, message });
  });

  test('CONNECT is refused with words', async () => {
    const running = await startHttp();
    const socket = connect({ port: running.server.httpAddress?.port ?? 0, host: '127.0.0.1' });
    socket.write('CONNECT f:80 HTTP/1.1\r\nHost: f\r\n\r\n');
    expect((await once(socket, 'data')).join()).toMatch(/^HTTP\/1\.1 405 /);
    socket.destroy();
  });

  test('connections past the limit are closed', async () => {
    const running = await startHttp({ limits: { maxConnections: 1 } });
    await (await running.connect()).arrived();
    await expect(ask(running, '/f', {})).rejects.toThrow();
    expect(running.server.stats.limits.maxConnections).toBe(1);
  }, 5000);

  test('a client that reads nothing for ten seconds is disconnected', async () => {
    const clock = new FakeClock();
    const running = await startHttp({ clock, limits: { outboxSoftBytes: 100_000 } });
    const worker = await startWorker(running);
    const socket = connect({ port: running.server.httpAddress?.port ?? 0, host: '127.0.0.1' });
    onTestFinished(() => void socket.destroy());
    socket.write('GET /f HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.pause();
    const { handle } = await take(running, worker);
    for (let i = 0; i < 500; i++) worker.send(workData(handle, 'x'.repeat(100_000)));
    await expect.poll(() => running.server.stats.limits.outboxSoftBytes).toBeGreaterThan(0);
    await expect
      .poll(() => {
        clock.advance(12_000);
        return running.server.stats.connections;
      })
      .toBe(1);
    expect(await worker.arrived()).toEqual([]);
    expect(running.server.stats).toMatchObject({ outputBytes: 0, limits: { stallTimeoutMs: 1 } });
  });
});

describe('close()', () => {
  test('answers who waits with 503', async () => {
    const running = await startHttp();
    const answer = ask(running, '/f', { body: 'x' });
    await expect.poll(() => running.server.stats.jobs).toBe(1);
    await running.server.close();
    expect((await answer).status).toBe(503);
  });

  test('graceful lets a running job end', async () => {
    const running = await startHttp();
    const worker = await startWorker(running);
    const answer = ask(running, '/f', { body: 'x' });
    const { handle } = await take(running, worker);
    const closed = running.server.close({ graceful: true });
    await worker.ask(workComplete(handle, 'r'));
    expect(await answer).toMatchObject({ status: 200, body: 'r' });
    await closed;
  });

  test('does not wait for connections that are kept open', async () => {
    const running = await startHttp();
    const socket = connect({ port: running.server.httpAddress?.port ?? 0, host: '127.0.0.1' });
    socket.write('HEAD / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    await running.server.close();
    expect(running.server.httpAddress?.port).toBeUndefined();
  });
});

describe('recordings of gearmand', () => {
  const samples = readSamples().filter(({ name }) => name.endsWith('http-plugin'));
  const text = (steps: readonly Step[], kind: 'send' | 'receive'): string[] =>
    steps.flatMap((step) =>
      step.kind === kind && 'bytes' in step && step.conn.startsWith('http') ? [step.bytes] : [],
    );

  test.each(samples)('$name is answered in the same way', async ({ steps }) => {
    const running = await startHttp();
    const worker = await startWorker(running);
    const [requests, recorded] = [text(steps, 'send'), text(steps, 'receive')];
    expect(requests.length).toBe(recorded.length);
    for (const [i, sent] of requests.entries()) {
      const expected = parse(recorded[i] ?? '');
      const socket = connect({ port: running.server.httpAddress?.port ?? 0, host: '127.0.0.1' });
      // gearmand closes after each answer.
      socket.write(sent.replace('\r\n', '\r\nConnection: close\r\n'), 'latin1');
      if (expected.command?.startsWith('WORK_') === true) {
        const { handle } = await take(running, worker);
        await worker.ask(workComplete(handle, expected.body));
      }
      let answer = '';
      for await (const chunk of socket) answer += (chunk as Buffer).toString('latin1');
      expect(parse(answer)).toEqual(expected);
    }
  });

  function parse(answer: string): { status: string; command: string | undefined; body: string } {
    const [head = '', ...body] = answer.split('\r\n\r\n');
    return {
      status: head.split(' ')[1] ?? '',
      command: /X-Gearman-Command: (\S+)/.exec(head)?.[1],
      body: body.join('\r\n\r\n'),
    };
  }
});

test('an earlier job stands for a further one, also when it is over', async () => {
  const functions = { f: { dedup: { mode: 'throttle', windowMs: 60_000 }, keepResult: {} } } as const;
  const running = await startHttp({ functions });
  const headers = { 'X-Gearman-Unique': 'u' };
  const background = { ...headers, 'X-Gearman-Background': 'true' };
  const worker = await startWorker(running);
  const first = await ask(running, '/f', { body: 'one', headers: background });
  await worker.ask(grab(), workComplete(first.handle ?? '', 'done'));
  const second = await ask(running, '/f', { body: 'two', headers: background });
  expect(second).toMatchObject({ handle: first.handle, status: 200 });
  const waiting = await ask(running, '/f', { body: 'three', headers });
  expect(waiting).toMatchObject({ handle: first.handle, status: 200, body: 'done' });
  expect(running.server.stats).toMatchObject({ jobs: 0, counters: { queued: 1 } });
});
