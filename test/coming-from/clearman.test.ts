import { createAdmin } from '@gearman/admin';
import { createClient, type TaskCallbacks } from '@gearman/client';
import { createPool } from '@gearman/pool';
import { request, response } from '@gearman/protocol';
import { createServer } from '@gearman/server';
import { FakeClock, fakeServer, startOurServer } from '@gearman/testing';
import { createWorker } from '@gearman/worker';
import { expect } from 'vitest';
import { gate, OneServer, textOf, typesOf } from './one-server.ts';
import { MigrationPage } from './page.ts';

const { row, end } = new MigrationPage('clearman');
const ours = new OneServer();

row('`(new-client & servers)`', async () => {
  await using other = await startOurServer();
  await using client = createClient({ servers: [ours.server, other.server] });
  await client.ready({ atLeast: 'all' });
  expect(client.pool.servers.map(({ server }) => server)).toEqual([ours.server, other.server]);
});

row('`(create-task-queue name server :function f :on-created …)`', async () => {
  await using _worker = await ours.work({
    tq: (job) => {
      if (job.text() === 'fails') job.fail();
      if (job.text() === 'throws') throw new RangeError('no');
      job.progress(1, 2);
      void job.write('part');
      job.warn('mind');
      return 'done';
    },
  });
  await using client = ours.client();
  const told: string[] = [];
  const tell = ({ index, type }: { readonly index: number; readonly type: string }): void =>
    void told.push(`${index} ${type}`);
  const callbacks: TaskCallbacks = {
    ...{ onCreated: tell, onStatus: tell, onData: tell, onWarning: tell },
    ...{ onRetry: tell, onComplete: tell, onFail: tell, onException: tell },
  };
  const queue = client.taskQueue({ name: 'mine', server: ours.server, functionName: 'tq', ...callbacks });
  queue.add('fine').add('throws');
  queue.add('fails', { retries: { limit: 1, minMs: 1, retryIf: () => true } });
  await queue.run().wait();
  expect(queue.name).toBe('mine');
  const ofTask = (index: number): string[] => told.filter((line) => line.startsWith(`${index} `));
  expect(ofTask(0)).toEqual(['0 created', '0 status', '0 data', '0 warning', '0 complete']);
  expect(ofTask(1)).toEqual(['1 created', '1 exception']);
  expect(ofTask(2)).toEqual(['2 created', '2 retry', '2 created', '2 fail']);
});

row('`(add-tasks q data :priority p :unique-id u :background b)`, `(add-task …)`', async () => {
  await using client = ours.client();
  const queue = client.taskQueue({ functionName: 'at' });
  queue.add('background', { background: true, uniqueId: 'id-7' });
  queue.add('low', { priority: 'low' }).add('high', { priority: 'high' });
  const set = queue.run();
  await Promise.all(set.jobs.map((job) => job.created));
  const order: string[] = [];
  await using _worker = await ours.work({ at: (job) => void order.push(`${job.text()} ${job.uniqueId}`) });
  expect((await set.wait()).ok).toBe(true);
  expect(order).toEqual(['high ', 'background id-7', 'low ']);
});

row('`(run-tasks q)`', async () => {
  await using _worker = await ours.work({ rt: (job) => job.payload });
  await using client = ours.client();
  const queue = client.taskQueue({ functionName: 'rt' }).add('a').add('b');
  expect([queue.size, client.pending]).toEqual([2, 0]);
  const set = queue.run();
  expect([queue.size, client.pending]).toEqual([0, 2]);
  const { results } = await set.wait();
  expect(results.map((result) => result.ok && textOf(result.value))).toEqual(['a', 'b']);
});

row('`(destroy-task-queue q)`', async () => {
  await using _worker = await ours.work({ dq: (job) => job.payload });
  await using client = ours.client();
  const queue = client.taskQueue({ functionName: 'dq' }).add('runs');
  const told = typesOf(queue.events());
  queue.run();
  queue.add('waits');
  queue.destroy();
  expect(() => queue.add('more')).toThrow(expect.objectContaining({ code: 'ERR_GEARMAN_CLOSED' }));
  expect(await told).toEqual(['submitted', 'created', 'complete', 'result', 'destroy']);
  expect(queue.size).toBe(0);
});

row('callback argument `{:handle :data}`', async () => {
  await using _worker = await ours.work({
    cb: async (job) => {
      await job.write('part');
      return 'end';
    },
  });
  await using client = ours.client();
  const seen: (string | undefined)[] = [];
  const queue = client.taskQueue({
    functionName: 'cb',
    onCreated: (event) => seen.push(event.ref.handle),
    onData: (event) => seen.push(event.job?.handle, textOf(event.bytes)),
    onComplete: (event) => seen.push(event.job?.handle, textOf(event.bytes)),
  });
  const [job] = queue.add().run().jobs;
  await job;
  expect(job?.handle).toMatch(/^H:/);
  expect(seen).toEqual([job?.handle, job?.handle, 'part', job?.handle, 'partend']);
});

row('`:h:p` keywords', async () => {
  await using _worker = await ours.work({ kw: (job) => job.server });
  await using client = createClient({ servers: ours.server });
  expect(ours.server).toBe(`127.0.0.1:${ours.port}`);
  expect(await client.submit('kw', '', { server: ours.server }).text()).toBe(ours.server);
});

row('to do: queues over many servers', async () => {
  await using other = await startOurServer();
  const servers = [ours.server, other.server];
  await using worker = createWorker({ servers });
  worker.register('ms', (job) => job.server);
  await worker.start();
  await using client = createClient({ servers, strategy: 'round-robin' });
  await client.ready({ atLeast: 'all' });
  const queue = client.taskQueue({ functionName: 'ms' });
  for (let at = 0; at < 4; at++) queue.add();
  const { results } = await queue.run().wait();
  const ran = results.map((result) => (result.ok ? textOf(result.value) : result.error.code));
  expect(ran.toSorted()).toEqual([...servers, ...servers].toSorted());
});

row('`(add-server "h:p" :timeout ms :client-id id)`', async () => {
  await using worker = createWorker({ servers: ours.server, clientId: 'me' });
  worker.register('as', () => 'shared');
  worker.register('as-own', () => 'own', { concurrency: 1 });
  await worker.start();
  await using other = await startOurServer();
  worker.pool.addServer(other.server);
  await using client = createClient({ servers: other.server });
  expect(await client.submit('as').text()).toBe('shared');
  expect(await client.submit('as-own').text()).toBe('own');
  await using admin = createAdmin({ servers: other.server });
  const { workers } = await admin.workers();
  expect(workers.filter(({ clientId }) => clientId === 'me')).toHaveLength(2);

  // How long it sleeps before it asks again, if no server wakes it: give or take a fifth.
  await using fake = await fakeServer();
  const clock = new FakeClock();
  await using patient = createWorker({ servers: fake.server, pollIntervalMs: 5000, clock });
  patient.register('f', () => 'x');
  void patient.start();
  const peer = await fake.peer();
  await peer.expect('CAN_DO');
  await peer.expect('GRAB_JOB_ALL');
  peer.send(response('NO_JOB', {}));
  await peer.expect('PRE_SLEEP');
  clock.advance(6000);
  await peer.expect('GRAB_JOB_ALL');
  peer.send(response('NO_JOB', {}));
});

row('`(remove-server s)`', async () => {
  await using other = await createServer().listen({ port: 0 });
  const server = `127.0.0.1:${other.addresses[0]?.port}`;
  // One for each: a function with slots of its own has connections of its own.
  let connections = 0;
  const both = gate();
  const gone = gate();
  other.on('connect', () => ++connections === 2 && both.open());
  other.on('disconnect', () => --connections === 0 && gone.open());
  await using worker = createWorker({ servers: [ours.server, server] });
  worker.register('rs', () => '');
  worker.register('rs-own', () => '', { concurrency: 1 });
  await worker.start();
  await both.opened;
  await worker.pool.removeServer(server);
  await gone.opened;
  expect(worker.status().servers.map((each) => each.server)).toEqual([ours.server]);
});

row('`(add-function name f :timeout t)`', async () => {
  const clock = new FakeClock();
  await using worker = createWorker({ servers: ours.server, clock });
  const slow = gate<unknown>();
  const running = gate();
  const registered = worker.register(
    'af',
    (job) => {
      if (job.text() === 'quick') return 'in time';
      job.signal.addEventListener('abort', () => slow.open(job.signal.reason));
      running.open();
      return slow.opened.then(() => 'late');
    },
    { timeoutMs: 60_000 },
  );
  await worker.start();
  expect(registered.functionName).toBe('af');
  await using client = ours.client();
  expect(await client.submit('af', 'quick').text()).toBe('in time');
  client.submit('af', 'slow');
  await running.opened;
  clock.advance(60_000);
  expect(await slow.opened).toMatchObject({ code: 'ERR_GEARMAN_JOB_TIMEOUT' });
});

row('handler argument `{:data :handle :channel}`', async () => {
  await using _worker = await ours.work({
    ha: (job) => {
      job.warn(job.handle);
      return job.payload;
    },
  });
  await using client = ours.client();
  const warnings: string[] = [];
  const job = client.submit('ha', 'bytes', { onWarning: ({ text }) => warnings.push(text) });
  expect(await job.text()).toBe('bytes');
  expect(warnings).toEqual([job.handle]);
});

row('`(remove-function name)`', async () => {
  await using worker = await ours.work({ rf: () => '', stays: () => '' });
  await worker.unregister('rf');
  await worker.pool.echo();
  expect([worker.isRegistered('rf'), worker.isRegistered('stays')]).toEqual([false, true]);
  await using admin = ours.admin();
  const { functions } = await admin.status();
  expect(functions.find(({ functionName }) => functionName === 'rf')?.workers ?? 0).toBe(0);
  expect(functions.find(({ functionName }) => functionName === 'stays')?.workers).toBe(1);
});

row('`(start-worker s)`, `(start-workers)`', async () => {
  await using other = await startOurServer();
  await using worker = createWorker({ servers: [ours.server, other.server] });
  worker.register('sw', (job) => job.server);
  await worker.start({ server: other.server });
  await using here = ours.client();
  await using there = createClient({ servers: other.server });
  const waits = here.submit('sw');
  expect(await there.submit('sw').text()).toBe(other.server);
  expect(worker.status().servers.map(({ state }) => state === 'stopped')).toEqual([true, false]);
  expect((await here.status(await waits.created)).running).toBe(false);
  await worker.start();
  expect(await waits.text()).toBe(ours.server);
});

row('`(stop-worker s)`, `(stop-workers)`', async () => {
  await using other = await startOurServer();
  const worker = createWorker({ servers: [ours.server, other.server] });
  worker.register('st', (job) => job.server);
  await worker.start();
  await worker.ready({ atLeast: 'all' });
  await worker.stop({ server: ours.server });
  expect(worker.status().servers.map(({ state }) => state === 'stopped')).toEqual([true, false]);
  await using there = createClient({ servers: other.server });
  expect(await there.submit('st').text()).toBe(other.server);
  expect(await worker.stop()).toEqual({ finished: 0, aborted: 0 });
  expect(worker.status().state).toBe('stopped');
});

row('`(worker-status)`', async () => {
  const release = gate();
  const running = gate();
  await using worker = await ours.work({
    ws: () => {
      running.open();
      return release.opened;
    },
  });
  await using client = ours.client();
  const job = client.submit('ws');
  await running.opened;
  expect(worker.status().servers).toEqual([
    expect.objectContaining({ server: ours.server, state: 'working', connection: 'ready', running: 1 }),
  ]);
  release.open();
  await job;
});

row('`(worker-task s)`, `(worker-tasks)`', async () => {
  await using other = await startOurServer();
  await using worker = createWorker({ servers: [ours.server, other.server] });
  worker.register('wt', (job) => job.server);
  await using here = ours.client();
  await using there = createClient({ servers: other.server });
  const jobs = [here.submit('wt'), there.submit('wt')];
  await Promise.all(jobs.map((job) => job.created));
  const first = await worker.workOnce({ server: other.server });
  expect(first).toMatchObject({ functionName: 'wt', outcome: 'complete', ref: { server: other.server } });
  expect(await worker.workOnce()).toMatchObject({ ref: { server: ours.server } });
  expect(await worker.workOnce({ timeoutMs: 0 })).toBeUndefined();
  expect(await Promise.all(jobs.map((job) => job.text()))).toEqual([ours.server, other.server]);
});

row('`send-work-data`, `-warning`, `-status`, `-complete`, `-fail`', async () => {
  await using _worker = await ours.work({
    sw5: (job) => {
      void job.write('data');
      job.warn('warning');
      job.progress(1, 2);
      if (job.text() === 'good') job.complete('complete');
      else job.fail();
    },
  });
  await using client = ours.client();
  const sent = ['created', 'data', 'warning', 'status'];
  const good = client.submit('sw5', 'good');
  expect(await typesOf(good.events())).toEqual(['submitted', ...sent, 'complete']);
  expect(await typesOf(client.submit('sw5', 'bad').events())).toEqual(['submitted', ...sent, 'fail']);
  expect(await good.text()).toBe('datacomplete');
});

row(
  '`send-can-do`, `send-can-do-timeout`, `send-cant-do`, `send-reset-abilities`, `send-pre-sleep`, `send-grab-job`, `send-grab-job-uniq`, `send-all-yours`, `send-set-client-id`, `send-echo-req`',
  async () => {
    await using server = await fakeServer();
    await using pool = createPool({ servers: server.server });
    const connection = await pool.acquire();
    const functionName = 'f';
    const packets = [
      request('CAN_DO', { functionName }),
      request('CAN_DO_TIMEOUT', { functionName, timeout: '1000' }),
      request('CANT_DO', { functionName }),
      request('RESET_ABILITIES', {}),
      request('PRE_SLEEP', {}),
      request('GRAB_JOB', {}),
      request('GRAB_JOB_UNIQ', {}),
      request('ALL_YOURS', {}),
      request('SET_CLIENT_ID', { clientId: 'me' }),
    ];
    for (const packet of packets) connection.send(packet);
    const echo = request('ECHO_REQ', { data: new TextEncoder().encode('hello') });
    const answer = connection.ask(echo);
    const peer = await server.peer();
    for (const packet of [...packets, echo]) expect(await peer.next()).toEqual(packet);
    peer.send(response('ECHO_RES', { data: echo.data }));
    expect(textOf((await answer).data)).toBe('hello');
  },
);

row('`dump-packet`', async () => {
  await using _worker = await ours.work({ dp: () => 'result' });
  await using client = createClient({ servers: ours.server, dump: 'packets' });
  const lines: string[] = [];
  client.on('write', ({ text }) => lines.push(text));
  client.on('read', ({ text }) => lines.push(text));
  await client.submit('dp', 'workload');
  expect(lines.filter((line) => /SUBMIT_JOB.*dp.*workload/.test(line))).toHaveLength(1);
  expect(lines.filter((line) => /WORK_COMPLETE.*result/.test(line))).toHaveLength(1);
});

row('to do: server, admin', async () => {
  await using server = await createServer().listen({ port: 0 });
  await using admin = createAdmin({ servers: `127.0.0.1:${server.addresses[0]?.port}` });
  await admin.createFunction('f');
  expect((await admin.status()).functions).toMatchObject([{ functionName: 'f', total: 0 }]);
});

end();
