import { createClient } from '@gearman/client';
import { createPool } from '@gearman/pool';
import { request, response, SERVER_ERRORS } from '@gearman/protocol';
import type { Codec } from '@gearman/protocol/payload';
import { fakeServer, jobServer, startOurServer } from '@gearman/testing';
import { createWorker, type WorkerJob } from '@gearman/worker';
import { expect } from 'vitest';
import { codeOf, gate, OneServer, textOf, typesOf } from './one-server.ts';
import { MigrationPage } from './page.ts';

const { row, end } = new MigrationPage('clj-gearman');
const ours = new OneServer();

row('client map `:job-servers` (the first that is there)', async () => {
  await using first = await startOurServer();
  await using client = createClient({ servers: [first.server, ours.server], strategy: 'first' });
  await client.ready({ atLeast: 'all' });
  const submit = async (): Promise<string> => (await client.submitBackground('js')).server;
  expect([await submit(), await submit()]).toEqual([first.server, first.server]);
  const lost = gate();
  client.on('disconnect', () => lost.open());
  await first.stop();
  await lost.opened;
  expect(await submit()).toBe(ours.server);
});

row('`(c/connect client)`', async () => {
  await using client = ours.client();
  expect(await client.ready()).toBe(client);
  expect(client.pool.servers).toMatchObject([{ server: ours.server, state: 'ready' }]);
});

row('`(c/submit-job s f data {:uniq u})` → `[code result]`', async () => {
  await using _worker = await ours.work({
    sj: (job) => {
      if (job.text() === 'fail') job.fail();
      if (job.text() === 'throw') throw new Error('no');
      return `${job.text()} ${job.uniqueId}`;
    },
  });
  await using client = ours.client();
  expect(textOf(await client.submit('sj', 'good', { uniqueId: 'u1' }))).toBe('good u1');
  const tried = await client.trySubmit('sj', 'good', { uniqueId: 'u2' });
  expect(tried.ok && textOf(tried.value)).toBe('good u2');
  expect(await client.trySubmit('sj', 'fail')).toMatchObject({ error: { code: 'ERR_GEARMAN_JOB_FAILED' } });
  const thrown = await client.trySubmit('sj', 'throw');
  expect(thrown).toMatchObject({ ok: false, error: { code: 'ERR_GEARMAN_JOB_EXCEPTION' } });

  await using refusing = await fakeServer(jobServer());
  refusing.onNext('SUBMIT_JOB', (peer) => peer.send(response('ERROR', SERVER_ERRORS.queueStoreFailed)));
  await using refused = createClient({ servers: refusing.server });
  expect(await refused.trySubmit('sj')).toMatchObject({ error: { code: 'ERR_GEARMAN_SERVER' } });
});

row('`c/submit-job-high`, `c/submit-job-low`', async () => {
  await using client = ours.client();
  const jobs = (['low', 'normal', 'high'] as const).map((priority) =>
    client.submit('pr', priority, { priority }),
  );
  await Promise.all(jobs.map((job) => job.created));
  const order: string[] = [];
  await using _worker = await ours.work({ pr: (job) => void order.push(job.text()) });
  await Promise.all(jobs);
  expect(order).toEqual(['high', 'normal', 'low']);
});

row('`c/submit-job-bg`, `-high-bg`, `-low-bg`', async () => {
  await using server = await fakeServer(jobServer());
  await using client = createClient({ servers: server.server });
  const ref = await client.submitBackground('bg', 'a');
  await client.submitBackground('bg', 'b', { priority: 'high' });
  await client.submitBackground('bg', 'c', { priority: 'low' });
  const sent = server.received.flatMap((message) => ('type' in message ? message.type : []));
  expect(sent).toEqual(['OPTION_REQ', 'SUBMIT_JOB_BG', 'SUBMIT_JOB_HIGH_BG', 'SUBMIT_JOB_LOW_BG']);
  expect(ref.server).toBe(server.server);
});

row('`c/get-status`, `c/get-status-unique`', async () => {
  const release = gate();
  await using _worker = await ours.work({
    gs: (job) => {
      job.progress(1, 4);
      return release.opened;
    },
  });
  await using client = ours.client();
  const told = gate();
  const job = client.submit('gs', '', { uniqueId: 'gs-1', onStatus: () => told.open() });
  await told.opened;
  const ref = await job.created;
  expect(await client.status(ref)).toMatchObject({ known: true, running: true });
  expect(await client.status(ref.handle)).toMatchObject({ known: true, numerator: 1, denominator: 4 });
  expect(await client.statusByUnique('gs-1')).toMatchObject({ known: true, running: true });
  release.open();
  await job;
  expect(await client.status(ref)).toMatchObject({ known: false, running: false });
});

row('`c/option-req`', async () => {
  await using server = await fakeServer(jobServer());
  await using client = createClient({ servers: server.server, exceptions: false });
  const refused = gate<string>();
  client.on('option-refused', ({ option }) => refused.open(option));
  client.setOption('exceptions');
  client.setOption('no-such-option');
  expect(await refused.opened).toBe('no-such-option');
  const asked = server.received.flatMap((message) => ('option' in message ? message.option : []));
  expect(asked).toEqual(['exceptions', 'no-such-option']);
});

row('`c/echo`', async () => {
  await using client = ours.client();
  const { data, server, rttMs } = await client.echo('hello');
  expect([textOf(data), server]).toEqual(['hello', ours.server]);
  expect(rttMs).toBeGreaterThan(0);
});

row('`c/read-response`', async () => {
  await using _worker = await ours.work({ rr: (job) => void job.write('part') });
  await using client = createClient({ servers: ours.server, exceptions: false });
  const connection = await client.pool.acquire();
  const packets: string[] = [];
  using _subscription = disposable(connection.packets$.subscribe(({ type }) => packets.push(type)));
  const events = await typesOf(client.submit('rr').events());
  expect(events).toEqual(['submitted', 'created', 'data', 'complete']);
  expect(packets).toEqual(['JOB_CREATED', 'WORK_DATA', 'WORK_COMPLETE']);
});

row('`:worker-exceptions true`', async () => {
  await using _worker = await ours.work({
    we: () => {
      throw new RangeError('too far');
    },
  });
  await using client = ours.client();
  const error: unknown = await client.submit('we').catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'ERR_GEARMAN_JOB_EXCEPTION', remote: { message: 'too far' } });
  await using without = createClient({ servers: ours.server, exceptions: false });
  expect(await codeOf(without.submit('we'))).toBe('ERR_GEARMAN_JOB_FAILED');
});

row('worker map `:job-servers`', async () => {
  await using other = await startOurServer();
  await using worker = createWorker({ servers: [ours.server, other.server] });
  worker.register('wm', (job) => job.server);
  await worker.start();
  for (const server of [ours.server, other.server]) {
    await using client = createClient({ servers: server });
    expect(await client.submit('wm').text()).toBe(server);
  }
});

row('`:nthreads n`', async () => {
  await using other = await startOurServer();
  const servers = [ours.server, other.server];
  await using worker = createWorker({ servers, concurrency: 2, perServer: true });
  const running: string[] = [];
  const all = gate();
  worker.register('nt', async (job) => {
    if (running.push(job.server) === 4) all.open();
    await all.opened;
  });
  await worker.start();
  await using client = createClient({ servers, strategy: 'round-robin' });
  await client.ready({ atLeast: 'all' });
  await Promise.all(Array.from({ length: 4 }, () => client.submit('nt')));
  expect(running.toSorted()).toEqual([...servers, ...servers].toSorted());
});

row('`:in-enc`, `:out-enc`', async () => {
  const latin1In: Codec<string> = {
    contentType: 'text/plain',
    decode: (bytes) => Buffer.from(bytes).toString('latin1'),
    encode: (text) => Buffer.from(text, 'utf8'),
  };
  await using worker = createWorker({ servers: ours.server });
  worker.register('same', (job) => job.data.toUpperCase(), { encoding: 'latin1' });
  worker.register('differ', (job) => job.data.toUpperCase(), { codec: latin1In });
  await worker.start();
  await using client = ours.client();
  const latin1 = Buffer.from('grün', 'latin1');
  expect(Buffer.from(await client.submit('same', latin1)).toString('latin1')).toBe('GRÜN');
  expect(textOf(await client.submit('differ', latin1))).toBe('GRÜN');
});

row('`:can-do {"f" (fn [workload])}`', async () => {
  await using worker = createWorker({ servers: ours.server });
  await worker.setFunctions({ one: (job) => `one ${job.text()}`, two: () => 'two' });
  await worker.start();
  await using client = ours.client();
  expect(await client.submit('one', 'x').text()).toBe('one x');
  await worker.setFunctions({ two: () => 'two, too' });
  expect([worker.isRegistered('one'), worker.isRegistered('two')]).toEqual([false, true]);
  expect(await client.submit('two').text()).toBe('two, too');
});

row('`(fn [socket job-handle workload])`', async () => {
  await using worker = createWorker({ servers: ours.server });
  const got = gate<WorkerJob>();
  worker.register('mn', (job) => got.open(job), { manual: true });
  await worker.start();
  await using client = ours.client();
  const result = client.submit('mn', 'work');
  const job = await got.opened;
  expect([job.handle, job.text(), job.ended]).toEqual([(await result.created).handle, 'work', false]);
  job.complete('later');
  expect(await result.text()).toBe('later');
});

row('`(w/pool worker)` → function that stops it', async () => {
  const worker = createWorker({ servers: ours.server });
  worker.register('wp', () => 'ran');
  await worker.start();
  expect(worker.status().state).toBe('started');
  await using client = ours.client();
  expect(await client.submit('wp').text()).toBe('ran');
  await worker.stop();
  expect(worker.status().state).toBe('stopped');
});

row('`(w/connect worker)` and `(w/work socket)`', async () => {
  await using worker = createWorker({ servers: ours.server });
  worker.register('wk', () => 'ran');
  await worker.ready();
  await using client = ours.client();
  const jobs = [client.submit('wk'), client.submit('wk')];
  expect(await worker.workOnce()).toMatchObject({ functionName: 'wk', outcome: 'complete' });
  await Promise.race(jobs);
  expect(jobs.filter(({ done }) => done)).toHaveLength(1);
  await worker.workOnce();
  await Promise.all(jobs);
});

row('`(with-open [s …])`', async () => {
  let state = (): string => 'none';
  {
    await using worker = createWorker({ servers: ours.server });
    state = () => worker.status().state;
    worker.register('wo', () => '');
    await worker.start();
    expect(state()).toBe('started');
  }
  expect(state()).toBe('stopped');
});

row('`w/work-status`, `-data`, `-warning`, `-complete`, `-fail`, `-exception`', async () => {
  await using _worker = await ours.work({
    ws6: (job) => {
      job.progress(3, 4);
      void job.write('data');
      job.warn('warning');
      if (job.text() === 'complete') job.complete('end');
      else if (job.text() === 'fail') job.fail('why');
      else job.exception(new Error('no'));
    },
  });
  await using client = ours.client();
  const before = ['submitted', 'created', 'status', 'data', 'warning'];
  const eventsOf = (how: string) => typesOf(client.submit('ws6', how).events());
  expect(await eventsOf('complete')).toEqual([...before, 'complete']);
  expect(await eventsOf('fail')).toEqual([...before, 'warning', 'fail']);
  expect(await eventsOf('exception')).toEqual([...before, 'exception']);
});

row(
  '`w/can-do`, `can-do-timeout`, `cant-do`, `reset-abilities`, `pre-sleep`, `grab-job`, `-uniq`, `-all`, `set-client-id`',
  async () => {
    await using server = await fakeServer();
    await using worker = createWorker({ servers: server.server, clientId: 'me' });
    worker.register('plain', () => '');
    worker.register('limited', () => '', { timeoutMs: 5000 });
    void worker.start();
    const peer = await server.peer();
    expect(await peer.expect('SET_CLIENT_ID')).toMatchObject({ clientId: 'me' });
    expect(await peer.expect('CAN_DO')).toMatchObject({ functionName: 'plain' });
    expect(await peer.expect('CAN_DO_TIMEOUT')).toMatchObject({ functionName: 'limited', timeout: '5000' });
    const sleep = async (): Promise<void> => {
      await peer.expect('GRAB_JOB_ALL');
      peer.send(response('NO_JOB', {}));
      await peer.expect('PRE_SLEEP');
    };
    await sleep();
    await worker.unregister('plain');
    expect(await peer.expect('CANT_DO')).toMatchObject({ functionName: 'plain' });
    await sleep();
    await worker.unregisterAll();
    expect(await peer.expect('CANT_DO')).toMatchObject({ functionName: 'limited' });
    expect(worker.status().functions).toEqual([]);

    await using pool = createPool({ servers: ours.server });
    const connection = await pool.acquire();
    expect(await connection.ask(request('GRAB_JOB_ALL', {}))).toMatchObject({ type: 'NO_JOB' });
    expect(await connection.ask(request('GRAB_JOB_UNIQ', {}))).toMatchObject({ type: 'NO_JOB' });
  },
);

end();

function disposable(subscription: { unsubscribe(): void }): Disposable {
  return { [Symbol.dispose]: () => subscription.unsubscribe() };
}
