import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createAdmin } from '@gearman/admin';
import { createClient, JobFailedError } from '@gearman/client';
import { GearmanError, response } from '@gearman/protocol';
import { createServer } from '@gearman/server';
import { FakeClock, FakeDial, fakeServer, freePort, jobServer } from '@gearman/testing';
import { createWorker, defineWorker } from '@gearman/worker';
import { expect, expectTypeOf } from 'vitest';
import { codeOf, gate, OneServer, textOf, typesOf } from './one-server.ts';
import { MigrationPage } from './page.ts';

const { row, end } = new MigrationPage('abraxas');
const ours = new OneServer();

row('`Gearman.Client.connect(options, callback)`', async () => {
  await using client = createClient({ servers: ours.server });
  await client.ready();
  expect(client.pool.servers).toMatchObject([{ server: ours.server, state: 'ready' }]);
  await using nobody = createClient({ servers: `127.0.0.1:${await freePort()}` });
  expect(await codeOf(nobody.ready({ timeoutMs: 1 }))).toBe('ERR_GEARMAN_NO_SERVERS');
});

row('`host`, `port`, `servers`, `path`, connect function', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gearman-'));
  const path = join(folder, 'socket');
  {
    await using _unix = await createServer().listen({ path });
    const open = () => connect(ours.port, '127.0.0.1');
    const inputs = [
      ours.server,
      { host: '127.0.0.1', port: ours.port },
      `unix:${path}`,
      { path },
      open,
      { name: 'tunnel', open },
      [`unix:${path}`],
    ];
    for (const servers of inputs) {
      await using client = createClient({ servers });
      expect(textOf((await client.echo('here')).data)).toBe('here');
    }
  }
  await rm(folder, { recursive: true });
});

row('`streaming: true`', async () => {
  await using worker = createWorker({ servers: ours.server, options: ['streaming'] });
  const release = gate();
  worker.register('sm', async (job) => {
    await job.write('first ');
    await release.opened;
    return 'last';
  });
  await worker.start();
  await using client = createClient({ servers: ours.server, options: ['streaming'] });
  const parts: string[] = [];
  for await (const part of client.submit('sm')) {
    parts.push(textOf(part));
    release.open();
  }
  expect(parts).toEqual(['first ', 'last']);
  // What the option changes in the server: a result that is a stream can have one reader only.
  expect(await codeOf(client.submit('sm', '', { uniqueId: 'shared' }))).toBe('ERR_GEARMAN_SERVER');

  await using plain = await fakeServer(jobServer());
  const streaming = { name: 'streaming', required: true };
  await using demanding = createClient({ servers: plain.server, options: [streaming] });
  const refused = gate<string>();
  demanding.on('connection-error', ({ error }) => refused.open(error.code));
  expect(await refused.opened).toBe('ERR_GEARMAN_NO_STREAMING');
});

row('`defaultEncoding`', async () => {
  await using worker = createWorker({ servers: ours.server });
  worker.register('de', (job) => job.data.toUpperCase(), { encoding: 'latin1' });
  await worker.start();
  await using client = createClient({ servers: ours.server, encoding: 'latin1' });
  const result = await client.submit('de', 'grün');
  expectTypeOf(result).toEqualTypeOf<string>();
  expect(result).toBe('GRÜN');
});

row('`submitTimeout`, `responseTimeout`, `connectTimeout`', async () => {
  const clock = new FakeClock();
  const { dial } = new FakeDial();
  await using waiting = createClient({ dial, clock, submitTimeoutMs: 1000, connectTimeoutMs: 3000 });
  const late = gate<string>();
  waiting.on('connection-error', ({ error }) => late.open(error.code));
  const never = codeOf(waiting.submit('f'));
  const ready = codeOf(waiting.ready({ timeoutMs: 2000 }));
  await clock.advanceAsync(1000);
  expect(await never).toBe('ERR_GEARMAN_SUBMIT_TIMEOUT');
  await clock.advanceAsync(1000);
  expect(await ready).toBe('ERR_GEARMAN_NO_SERVERS');
  await clock.advanceAsync(1000);
  expect(await late.opened).toBe('ERR_GEARMAN_CONNECT');

  await using client = createClient({ servers: ours.server, clock, responseTimeoutMs: 5000 });
  const job = client.submit('nobody-runs-this');
  await job.created;
  const code = codeOf(job);
  await clock.advanceAsync(5000);
  expect(await code).toBe('ERR_GEARMAN_RESPONSE_TIMEOUT');
});

row('`debug`, `trafficDump`, `packetDump`', async () => {
  const lines: string[] = [];
  const log = (_fields: object, message: string): void => void lines.push(message);
  const logger = { debug: log, info: log, warn: log, error: log };
  await using quiet = createClient({ servers: ours.server, logger });
  await quiet.echo('hello');
  expect(lines).toEqual(['connected']);
  await using packets = createClient({ servers: ours.server, logger, dump: 'packets' });
  await packets.echo('hello');
  expect(lines.filter((line) => /ECHO_RE[QS].*hello/.test(line))).toHaveLength(2);
  await using bytes = createClient({ servers: ours.server, dump: 'bytes' });
  const written: Uint8Array[] = [];
  bytes.on('write', (event) => event.bytes && written.push(event.bytes));
  await bytes.echo('hello');
  expect(Buffer.concat(written).toString('latin1')).toContain('\0REQ\0\0\0\x10\0\0\0\x05hello');
});

row(
  'events `connect`, `disconnect`, `connection-error`, `unknown-packet`, `read`, `write`, `warn`',
  async () => {
    const server = await fakeServer();
    await using client = createClient({ servers: server.server, dump: 'packets', exceptions: false });
    const told: string[] = [];
    const failed = gate();
    client.on('warning', ({ job, text: warning }) => told.push(`${job.functionName}: ${warning}`));
    client.on('connection-error', () => failed.open());
    for (const type of ['connect', 'disconnect', 'unknown-packet', 'read', 'write'] as const) {
      client.on(type, () => told.push(type));
    }
    const warned = gate();
    const job = client.submit('ev', '', { onWarning: () => warned.open() });
    const ended = codeOf(job);
    const peer = await server.peer();
    await peer.expect('SUBMIT_JOB');
    peer.send(response('JOB_CREATED', { handle: 'H:1' }));
    peer.sendBytes(Buffer.from('\0RES\0\0\0\x63\0\0\0\0', 'latin1'));
    peer.send(response('WORK_WARNING', { handle: 'H:1', data: new TextEncoder().encode('mind') }));
    await warned.opened;
    await server.stop();
    expect(await ended).toBe('ERR_GEARMAN_CONNECTION_LOST');
    await failed.opened;
    const counted = Object.fromEntries(
      [...new Set(told)].map((type) => [type, told.filter((each) => each === type).length]),
    );
    const once = { connect: 1, disconnect: 1, 'unknown-packet': 1, write: 1, 'ev: mind': 1 };
    expect(counted).toEqual({ ...once, read: 3 });
  },
);

row('`client.disconnect()`', async () => {
  const client = ours.client();
  const told = typesOf(client.events());
  const job = codeOf(client.submit('nobody-runs-this'));
  await client.ready();
  await client.close();
  expect(await job).toBe('ERR_GEARMAN_CLOSED');
  expect((await told).at(-1)).toBe('close');
  expect(await codeOf(client.echo())).toBe('ERR_GEARMAN_CLOSED');
});

row('`client.echo([options], data, callback)`', async () => {
  await using client = ours.client();
  const { data, server } = await client.echo('hello', { timeoutMs: 5000, server: ours.server });
  expect([textOf(data), server]).toEqual(['hello', ours.server]);
});

row('`client.getStatus(jobid, callback)`', async () => {
  const release = gate();
  await using _worker = await ours.work({
    st: (job) => {
      job.progress(0.5);
      return release.opened;
    },
  });
  await using client = ours.client();
  const told = gate();
  const job = client.submit('st', '', { onStatus: () => told.open() });
  await told.opened;
  const status = await client.status(job.handle ?? '');
  expect(status).toMatchObject({ known: true, running: true, fraction: 0.5, servers: [ours.server] });
  release.open();
  await job;
});

row('`client.setClientId(id)`', async () => {
  await using client = createClient({ servers: ours.server, clientId: 'one' });
  await client.ready();
  await using admin = ours.admin();
  const ids = async (): Promise<(string | null)[]> => {
    await client.echo();
    return (await admin.workers()).workers.map(({ clientId }) => clientId);
  };
  expect(await ids()).toContain('one');
  client.pool.setClientId('two');
  expect(await ids()).toContain('two');
});

row('`submitJob(f, [options], [data], [callback])`', async () => {
  await using _worker = await ours.work({ sj: (job) => job.text().toUpperCase() });
  await using client = ours.client();
  expect(await client.submit('sj', 'data', { priority: 'high' }).text()).toBe('DATA');
  const stream = client.submitStream('sj', { priority: 'high' });
  stream.write('in ');
  stream.end('parts');
  expect(await text(stream)).toBe('IN PARTS');
});

row('`submitJobBg`', async () => {
  const ran = gate<string>();
  await using _worker = await ours.work({ bg: (job) => ran.open(job.text()) });
  await using client = ours.client();
  const ref = await client.submitBackground('bg', 'data');
  expect([ref.server, await ran.opened]).toEqual([ours.server, 'data']);
});

row('`submitJobAt(f, date, …)`', async () => {
  const ran = gate<string>();
  await using _worker = await ours.work({ at: (job) => ran.open(job.text()) });
  await using client = ours.client();
  const later = await client.submitAt('at', new Date(Date.now() + 3_600_000), 'later');
  await client.submitAt('at', new Date(Date.now() - 1000), 'now');
  expect(await ran.opened).toBe('now');
  expect(await client.status(later)).toMatchObject({ known: true, running: false });
  expect(await client.cancel(later)).toBe('removed');
});

row('`submitJobSched(f, {minute, hour, day, month, dow}, …)`', async () => {
  const schedule = { minute: 5, hour: 3, day: 1, month: 12, dow: 'tue' } as const;
  await using server = await fakeServer();
  await using client = createClient({ servers: server.server, exceptions: false });
  const ref = client.schedule('sc', schedule, 'data', { uniqueId: 'sc-1' });
  const peer = await server.peer();
  const packet = await peer.expect('SUBMIT_JOB_SCHED');
  // Days of the week count from Monday on the wire.
  const fields = { minute: '5', hour: '3', dayOfMonth: '1', month: '12', dayOfWeek: '1' };
  expect(packet).toMatchObject({ functionName: 'sc', uniqueId: 'sc-1', ...fields });
  expect(textOf(packet.workload)).toBe('data');
  peer.send(response('JOB_CREATED', { handle: 'H:7' }));
  expect(await ref).toMatchObject({ handle: 'H:7' });

  // What the page says of our server.
  await using real = ours.client();
  expect((await real.schedule('sc', schedule)).handle).toMatch(/^S:/);
});

row('options `priority`, `uniqueid`, `encoding`, `accept`, `transmit`, `bodySize`', async () => {
  await using server = await fakeServer(jobServer());
  await using client = createClient({ servers: server.server });
  const job = client.submit('op', 'grün', { priority: 'low', uniqueId: 'op-1', encoding: 'latin1' });
  await job.created;
  const sent = server.received.find(({ type }) => type === 'SUBMIT_JOB_LOW');
  const workload = new Uint8Array(Buffer.from('grün', 'latin1'));
  expect(sent).toMatchObject({ functionName: 'op', uniqueId: 'op-1', workload });

  await using _worker = await ours.work({ op: (each) => each.payload });
  await using real = ours.client();
  const stream = real.submitStream('op', { sizeBytes: 5 }).setEncoding('hex');
  stream.end('12345');
  expect(await text(stream)).toBe('3132333435');
  const short = real.submitStream('op', { sizeBytes: 5 });
  short.end('1234');
  expect(await codeOf(once(short, 'data'))).toBe('ERR_GEARMAN_PAYLOAD');
});

row('task: `.then`, `.pipe`, events `created`, `status`, `warn`, `error`, property `jobid`', async () => {
  await using _worker = await ours.work({
    tk: (job) => {
      if (job.text() === 'fail') job.fail();
      if (job.text() === 'throw') throw new Error('no');
      job.progress(1, 2);
      job.warn('mind');
      return 'result';
    },
  });
  await using client = ours.client();
  const told: string[] = [];
  const job = client.submit('tk');
  for (const type of ['created', 'status', 'warning'] as const) job.on(type, () => told.push(type));
  expect(await text(job.pipe(new PassThrough()))).toBe('result');
  expect(await job.then((value) => textOf(value))).toBe('result');
  expect(told).toEqual(['created', 'status', 'warning']);
  expect(job.handle).toMatch(/^H:/);
  const failed = client.submit('tk', 'fail').on('fail', ({ error }) => told.push(error.code));
  const thrown = client.submit('tk', 'throw').on('exception', ({ error }) => told.push(error.text));
  await Promise.allSettled([failed, thrown]);
  expect(told.slice(3)).toEqual(['ERR_GEARMAN_JOB_FAILED', expect.stringContaining('"no"')]);
  const lost = ours.client();
  const cut = lost.submit('nobody-runs-this');
  const ends: string[] = [];
  cut.on('timeout', ({ type }) => ends.push(type)).on('lost', ({ type }) => ends.push(type));
  await cut.created;
  await lost.close();
  expect(ends).toEqual(['lost']);
});

row(
  "`task.prepareBody`, `process.stdin.pipe(client.submitJob('toUpper')).pipe(process.stdout)`",
  async () => {
    await using _worker = await ours.work({ toUpper: (job) => job.text().toUpperCase() });
    const program = `
      import { createClient } from '@gearman/client';
      const client = createClient();
      process.stdin.pipe(client.submitStream('toUpper')).pipe(process.stdout);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: import.meta.dirname,
      env: { ...process.env, GEARMAN_SERVERS: ours.server },
    });
    const output = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    child.stdin.write('test ');
    child.stdin.end('string');
    expect(await output).toEqual(['TEST STRING', '', [0, null]]);
  },
);

row('`Gearman.Error.*`', async () => {
  await using _worker = await ours.work({ er: (job) => job.fail() });
  await using client = ours.client();
  const error: unknown = await client.submit('er').catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(JobFailedError);
  expect(error).toBeInstanceOf(GearmanError);
  expect(error).toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
  const wrong = expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' });
  expect(() => createClient({ servers: 'host:port' })).toThrow(wrong);
});

row('`maxJobs`', async () => {
  const all = gate();
  let running = 0;
  await using worker = createWorker({ servers: ours.server, concurrency: 3 });
  worker.register('mj', async () => {
    if (++running === 3) all.open();
    await all.opened;
  });
  await worker.start();
  await using client = ours.client();
  await Promise.all([1, 2, 3].map(() => client.submit('mj')));
  expect([running, worker.status().concurrency]).toEqual([3, 3]);
});

row('`registerWorker(f, [options], callback)`', async () => {
  await using worker = createWorker({ servers: ours.server });
  worker.register('rw', (job) => Buffer.from(job.payload).reverse());
  worker.register('rw-text', (job) => job.data.toUpperCase(), { encoding: 'utf8' });
  await worker.start();
  await using client = ours.client();
  expect(await client.submit('rw', 'abc').text()).toBe('cba');
  expect(await client.submit('rw-text', 'abc').text()).toBe('ABC');
});

row('`registerWorkerStream`', async () => {
  await using worker = createWorker({ servers: ours.server });
  worker.registerStream('rws', (job) => {
    const upper = new Transform({
      transform: (chunk, _, done) => done(null, String(chunk).toUpperCase()),
    });
    job.payload.pipe(upper).pipe(job.stream());
  });
  await worker.start();
  await using client = ours.client();
  expect(await client.submit('rws', 'stream').text()).toBe('STREAM');
});

row('options `timeout` (seconds), `encoding`, `accept`, `transmit`', async () => {
  await using server = await fakeServer();
  await using worker = createWorker({ servers: server.server, exceptionMode: 'exception' });
  worker.register('to', (job) => job.data.toUpperCase(), { timeoutMs: 30_000, encoding: 'latin1' });
  void worker.start();
  const peer = await server.peer();
  expect(await peer.expect('CAN_DO_TIMEOUT')).toMatchObject({ functionName: 'to', timeout: '30000' });
  await peer.expect('GRAB_JOB_ALL');
  const workload = new Uint8Array(Buffer.from('grün', 'latin1'));
  const job = { handle: 'H:1', functionName: 'to', uniqueId: '', reducer: '', workload };
  peer.send(response('JOB_ASSIGN_ALL', job));
  const { data } = await peer.expect('WORK_COMPLETE');
  expect(Buffer.from(data).toString('latin1')).toBe('GRÜN');
  await peer.expect('GRAB_JOB_ALL');
  peer.send(response('NO_JOB', {}));
});

row('`task.status(p)`, `task.warn(m)`, `task.end(d)`, `task.error(d)`, `task.write(d)`', async () => {
  await using _worker = await ours.work({
    tm: (job) => {
      job.progress(0.25);
      job.warn('mind');
      void job.write('part ');
      if (job.text() === 'good') job.complete('end');
      else job.exception('bad input');
    },
  });
  await using client = ours.client();
  const seen: unknown[] = [];
  const good = client.submit('tm', 'good', {
    onStatus: ({ fraction }) => seen.push(fraction),
    onWarning: (event) => seen.push(event.text),
    onData: ({ bytes }) => seen.push(textOf(bytes)),
  });
  expect(await good.text()).toBe('part end');
  expect(seen).toEqual([0.25, 'mind', 'part ']);
  const bad: unknown = await client.submit('tm', 'bad').catch((error: unknown) => error);
  expect(bad).toMatchObject({ code: 'ERR_GEARMAN_JOB_EXCEPTION', remote: { message: 'bad input' } });
});

row('`workerObj.function`, `.unregister()`, `.maxqueue(n)`, `.status()`', async () => {
  await using worker = createWorker({ servers: ours.server });
  const registration = worker.register('wo', () => '');
  const other = worker.register('wo-other', () => '');
  expect(registration.functionName).toBe('wo');
  await worker.start();
  worker.stopGrabbing();
  await registration.maxQueue(1);
  await using client = ours.client();
  await client.submitBackground('wo');
  expect(await codeOf(client.submitBackground('wo'))).toBe('ERR_GEARMAN_QUEUE_FULL');
  expect(await registration.status()).toEqual({ total: 1, queued: 1, running: 0, workers: 1 });
  await registration.unregister();
  expect([worker.isRegistered('wo'), worker.isRegistered(other.functionName)]).toEqual([false, true]);
});

row('`unregisterWorker(f)`, `forgetAllWorkers()`, `isRegistered(f)`', async () => {
  await using worker = await ours.work({ un1: () => '', un2: () => '', un3: () => '' });
  await worker.unregister('un1');
  const names = ['un1', 'un2', 'un3'];
  expect(names.map((name) => worker.isRegistered(name))).toEqual([false, true, true]);
  await worker.unregisterAll();
  expect(names.map((name) => worker.isRegistered(name))).toEqual([false, false, false]);
  await worker.pool.echo();
  await using admin = ours.admin();
  const { functions } = await admin.status();
  const left = functions.filter(({ functionName, workers }) => names.includes(functionName) && workers > 0);
  expect(left).toEqual([]);
});

row("notes: `worker.register('mail', {send, recv})`, `client.mail.send(...)`", async () => {
  const mail = defineWorker({
    name: 'mail',
    separator: '.',
    tasks: {
      send: { handler: ({ data }) => ({ sent: data }) },
      recv: { handler: () => ['letter'] },
    },
  });
  await using worker = createWorker({ servers: ours.server }).mount(mail);
  await worker.start();
  await using client = ours.client();
  const { mail: box } = client.rpc<{
    mail: { send(letter: { to: string }): { sent: unknown }; recv(): string[] };
  }>({ separator: '.' });
  expect(await box.send({ to: 'me' })).toEqual({ sent: { to: 'me' } });
  expect(await box.recv()).toEqual(['letter']);
});

row('`client.maxqueue(f, n)`', async () => {
  await using admin = ours.admin();
  await admin.createFunction('mq');
  await admin.maxQueue('mq', 1);
  await using client = ours.client();
  await client.submitBackground('mq');
  expect(await codeOf(client.submitBackground('mq'))).toBe('ERR_GEARMAN_QUEUE_FULL');

  await using server = await fakeServer();
  await using worker = createWorker({ servers: server.server, reconnect: { minMs: 1 } });
  worker.register('again', () => '', { maxQueue: 7 });
  void worker.start();
  const timesTold = (): number =>
    server.received.filter((each) => each.type === 'TEXT' && each.line === 'maxqueue again 7').length;
  const first = await server.peer();
  await server.until(() => timesTold() === 1);
  first.reset();
  await server.until(() => timesTold() === 2);
  await server.stop();
});

row('`client.status()`, `client.workers()`, `client.shutdown(graceful)`', async () => {
  await using _worker = await ours.work({ ad: () => '' });
  await using admin = ours.admin();
  expect((await admin.status()).functions).toContainEqual(
    expect.objectContaining({ functionName: 'ad', workers: 1 }),
  );
  expect((await admin.workers()).workers.flatMap(({ functionNames }) => functionNames)).toContain('ad');
  expect(await codeOf(admin.shutdown({ graceful: true }))).toBe('ERR_GEARMAN_UNSUPPORTED');

  await using old = await fakeServer((peer, message) => {
    if (message.type === 'TEXT') peer.sendBytes('OK\n');
  });
  await using knowing = createAdmin({ servers: old.server });
  expect((await knowing.shutdown({ graceful: true })).failures).toEqual([]);
  expect(old.received).toEqual([{ type: 'TEXT', line: 'shutdown graceful' }]);
});

row(
  '`getpid`, `createfunction`, `dropfunction`, `canceljob`, `getjobs`, `getuniquejobs` (to be implemented)',
  async () => {
    await using server = await createServer().listen({ port: 0 });
    const servers = `127.0.0.1:${server.addresses[0]?.port}`;
    await using admin = createAdmin({ servers });
    expect((await admin.pid()).answers).toEqual([{ server: servers, value: process.pid }]);
    await admin.createFunction('new');
    const namesOf = async () => (await admin.status()).functions.map(({ functionName }) => functionName);
    expect(await namesOf()).toEqual(['new']);
    await admin.dropFunction('new');
    expect(await namesOf()).toEqual([]);
    await using client = createClient({ servers });
    const ref = await client.submitBackground('f', '', { uniqueId: 'id-1' });
    expect((await admin.jobs()).jobs).toMatchObject([{ handle: ref.handle }]);
    expect((await admin.uniqueJobs()).jobs).toMatchObject([{ uniqueId: 'id-1' }]);
    await admin.cancelJob(ref);
    expect((await admin.jobs()).jobs).toEqual([]);
  },
);

row('`Gearman.Server.listen(options)`, `server.shutdown()`', async () => {
  const server = createServer({ jobHandlePrefix: 'H:mine' });
  await server.listen({ port: 0 });
  const servers = `127.0.0.1:${server.addresses[0]?.port}`;
  await using client = createClient({ servers });
  expect((await client.submitBackground('f')).handle).toMatch(/^H:mine/);
  const lost = gate();
  client.on('disconnect', () => lost.open());
  await server.close();
  await lost.opened;
});

end();
