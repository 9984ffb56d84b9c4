import { createAdmin } from '@gearman/admin';
import { createClient, type SubmitOptions } from '@gearman/client';
import { createPool, parseServers, serverName } from '@gearman/pool';
import { encodePacket, JobRef, PacketParser, request, response } from '@gearman/protocol';
import { FakeClock, fakeServer, freePort, startOurServer } from '@gearman/testing';
import { createWorker, type Handler } from '@gearman/worker';
import { expect } from 'vitest';
import { evaluate } from '../../docs/examples/gallery/src/calculus/evaluate.ts';
import { parse } from '../../docs/examples/gallery/src/calculus/expression.ts';
import { OPERATIONS } from '../../docs/examples/gallery/src/calculus/operations.ts';
import { codeOf, gate, OneServer, textOf } from './one-server.ts';
import { MigrationPage } from './page.ts';

const { row, end } = new MigrationPage('gearman-ruby');
const ours = new OneServer();

row('`Gearman::Client.new(servers)`', async () => {
  await using _worker = await ours.work({ cn: () => 'ran' });
  await using client = createClient({ servers: [ours.server] });
  expect(await client.submit('cn').text()).toBe('ran');
});

row('`client.job_servers=`', async () => {
  await using other = await startOurServer();
  await using client = ours.client();
  expect((await client.submitBackground('js')).server).toBe(ours.server);
  await client.pool.setServers([other.server]);
  expect(client.pool.servers.map(({ server }) => server)).toEqual([other.server]);
  expect((await client.submitBackground('js')).server).toBe(other.server);
});

row('`client.option_request("exceptions")`', async () => {
  await using _worker = await ours.work({
    or: () => {
      throw new Error('why');
    },
  });
  await using client = ours.client();
  expect(await codeOf(client.submit('or'))).toBe('ERR_GEARMAN_JOB_EXCEPTION');
  await using asking = createClient({ servers: ours.server, exceptions: false });
  expect(await codeOf(asking.submit('or'))).toBe('ERR_GEARMAN_JOB_FAILED');
  asking.setOption('exceptions');
  expect(await codeOf(asking.submit('or'))).toBe('ERR_GEARMAN_JOB_EXCEPTION');
});

row('`client.do_task(f, arg, options)`', async () => {
  await using _worker = await ours.work({
    dt: (job) => {
      if (job.text() === '') job.fail();
      return job.payload;
    },
  });
  await using client = ours.client();
  const good = await client.trySubmit('dt', 'arg', { priority: 'high' });
  expect(good.ok && textOf(good.value)).toBe('arg');
  const bad = await client.trySubmit('dt', '');
  expect(bad).toMatchObject({ ok: false, error: { code: 'ERR_GEARMAN_JOB_FAILED' } });
});

row('`client.task_create_timeout_sec=`', async () => {
  await using server = await fakeServer();
  const clock = new FakeClock();
  await using client = createClient({
    servers: server.server,
    createdTimeoutMs: 2000,
    exceptions: false,
    clock,
  });
  const code = codeOf(client.submit('tc'));
  await (await server.peer()).expect('SUBMIT_JOB');
  await clock.advanceAsync(2000);
  expect(await code).toBe('ERR_GEARMAN_SUBMIT_UNKNOWN');
});

row(
  '`get_socket`, `return_socket`, `close_socket`, `get_hostport_for_socket`, `get_job_server`, `signal_bad_server`, `bad_servers`',
  async () => {
    const bad = `127.0.0.1:${await freePort()}`;
    await using client = createClient({ servers: [bad, ours.server] });
    const failed = gate<string>();
    client.on('connection-error', ({ server }) => failed.open(server));
    expect(await failed.opened).toBe(bad);
    expect((await client.pool.acquire()).server).toBe(ours.server);
    expect(client.pool.servers).toMatchObject([
      { server: bad, healthy: false, lastError: { code: 'ERR_GEARMAN_CONNECT' } },
      { server: ours.server, healthy: true, lastError: undefined },
    ]);
    expect((await client.submitBackground('gs')).server).toBe(ours.server);
  },
);

row('`Gearman::Task.new(f, arg, :priority, :background, :uniq, :retry_count)`', async () => {
  let calls = 0;
  await using _worker = await ours.work({
    tn: (job) => {
      if (++calls < 3) job.fail();
      return `${calls} ${job.uniqueId}`;
    },
    quiet: (job) => quiet.open(`${job.text()} ${job.uniqueId}`),
  });
  const quiet = gate<string>();
  await using client = ours.client();
  const retries = { limit: 3, minMs: 1, retryIf: () => true };
  const job = client.submit('tn', 'arg', { priority: 'high', uniqueId: 'tn-1', retries });
  expect(await job.text()).toBe('3 tn-1');
  const set = client.taskSet();
  const ref = await set.add('quiet', 'arg', { background: true, uniqueId: 'quiet-1' });
  expect([ref.server, await quiet.opened]).toEqual([ours.server, 'arg quiet-1']);
});

row(
  '`task.on_complete`, `on_fail`, `on_retry`, `on_exception`, `on_status`, `on_warning`, `on_data`',
  async () => {
    await using _worker = await ours.work({
      on: (job) => {
        if (job.text() === 'fail') job.fail();
        if (job.text() === 'throw') throw new Error('again');
        job.progress(1, 2);
        job.warn('mind');
        void job.write('part');
        return 'end';
      },
    });
    await using client = ours.client();
    const told: string[] = [];
    const tell = ({ type }: { readonly type: string }): void => void told.push(type);
    const callbacks: SubmitOptions = {
      ...{ onComplete: tell, onFail: tell, onRetry: tell, onException: tell },
      ...{ onStatus: tell, onWarning: tell, onData: tell },
    };
    await client.submit('on', '', callbacks);
    expect(told.splice(0)).toEqual(['status', 'warning', 'data', 'complete']);
    await client.trySubmit('on', 'fail', callbacks);
    expect(told.splice(0)).toEqual(['fail']);
    const retries = {
      minMs: 1,
      limit: 1,
      retryIf: (error: { code: string }) => /EXCEPTION/.test(error.code),
    };
    await client.trySubmit('on', 'throw', { ...callbacks, retries });
    expect(told.splice(0)).toEqual(['retry', 'exception']);
    await client.trySubmit('on', 'fail', { ...callbacks, retries });
    expect(told.splice(0)).toEqual(['fail']);
    const job = client.submit('on');
    for (const type of ['status', 'warning', 'data', 'complete'] as const) job.on(type, tell);
    await job;
    expect(told).toEqual(['status', 'warning', 'data', 'complete']);
  },
);

row("`:uniq => '-'`", async () => {
  await using client = ours.client();
  const handles = async (uniqueId: string, payload: string): Promise<string> =>
    (await client.submitBackground('uq', payload, { uniqueId })).handle;
  for (const uniqueId of ['payload', '-']) {
    const first = await handles(uniqueId, `same ${uniqueId}`);
    expect(await handles(uniqueId, `same ${uniqueId}`)).toBe(first);
    expect(await handles(uniqueId, `other ${uniqueId}`)).not.toBe(first);
  }
});

row('`task.get_uniq_hash`, `get_submit_packet`', async () => {
  await using server = await fakeServer();
  await using client = createClient({ servers: server.server, exceptions: false });
  const [one, same, other] = ['a', 'a', 'b'].map((data) =>
    client.submit('uh', data, { uniqueId: 'payload' }),
  );
  expect(one?.uniqueId).toMatch(/^.{16,63}$/);
  expect([same?.uniqueId, other?.uniqueId === one?.uniqueId]).toEqual([one?.uniqueId, false]);
  const peer = await server.peer();
  const workload = new TextEncoder().encode('a');
  const uniqueId = one?.uniqueId ?? '';
  expect(await peer.expect('SUBMIT_JOB')).toEqual(
    request('SUBMIT_JOB', { functionName: 'uh', uniqueId, workload }),
  );
});

row('`Gearman::TaskSet.new(client)`, `add_task`, `wait(timeout)`, `timed_out?`', async () => {
  const release = gate();
  await using _worker = await ours.work(
    { ts: (job) => (job.text() === 'slow' ? release.opened.then(() => 'late') : job.payload) },
    { concurrency: 2 },
  );
  await using client = ours.client();
  const set = client.taskSet();
  const slow = set.add('ts', 'slow');
  await set.add('ts', 'quick');
  const report = await set.wait({ timeoutMs: 1 });
  expect(report.results.map((result) => result.ok && textOf(result.value))).toEqual(['quick']);
  expect(report.timedOut.map(({ job }) => job)).toEqual([slow]);
  release.open();
  expect(await set.wait()).toMatchObject({ ok: true, timedOut: [] });
});

row('`Util.ability_name_with_prefix(p, n)`', async () => {
  await using worker = createWorker({ servers: ours.server, prefix: 'app' });
  worker.register('pf', (job) => `${job.functionName} ran`);
  await worker.start();
  await using client = createClient({ servers: ours.server, prefix: 'app' });
  expect(await client.submit('pf').text()).toBe('pf ran');
  await using admin = ours.admin();
  const { functions } = await admin.status();
  expect(functions.map(({ functionName }) => functionName)).toContain('app\tpf');
  await using prefixed = createAdmin({ servers: ours.server, prefix: 'app' });
  expect((await prefixed.status()).functions).toMatchObject([{ functionName: 'pf', workers: 1 }]);
});

row('`Util.handle_to_str`, `str_to_handle`', async () => {
  await using client = ours.client();
  const ref = await client.submitBackground('hs');
  expect(String(ref)).toBe(`${ours.server}//${ref.handle}`);
  expect(JobRef.parse(String(ref))).toEqual(ref);
  expect(await client.status(String(ref))).toMatchObject({ known: true });
});

row('`Util.logger`, `Util.debug`', async () => {
  const lines: string[] = [];
  const log = (_fields: object, message: string): void => void lines.push(message);
  const logger = { debug: log, info: log, warn: log, error: log };
  await using client = createClient({ servers: ours.server, logger, dump: 'packets' });
  await client.submitBackground('lg', 'workload');
  expect(lines).toContain('connected');
  expect(lines.filter((line) => /SUBMIT_JOB_BG.*workload/.test(line))).toHaveLength(1);
});

row('`gearman_environment.sh` and the calculus demo', async () => {
  const workers = [...OPERATIONS].map(([name, operate]): [string, Handler] => [
    name,
    (job) => {
      const [a = 0, b = 0]: number[] = JSON.parse(job.text());
      return JSON.stringify(operate(a, b));
    },
  ]);
  await using _worker = await ours.work(Object.fromEntries(workers), { concurrency: 4 });
  await using client = ours.client();
  expect(await evaluate(client, parse('(1 + 2) * (7 - 3) / 8'))).toBe(1.5);
  expect(await codeOf(evaluate(client, parse('1 / (2 - 2)')))).toBe('ERR_GEARMAN_JOB_EXCEPTION');
});

row('`Gearman::Worker.new(servers, {client_id, reconnect_sec, network_timeout_sec})`', async () => {
  const settings = { clientId: 'ruby', reconnect: { type: 'fixed', minMs: 500, jitter: 0 } } as const;
  await using worker = createWorker({ servers: [ours.server], ...settings });
  await worker.start();
  await worker.pool.echo();
  await using admin = ours.admin();
  expect((await admin.workers()).workers.map(({ clientId }) => clientId)).toContain('ruby');

  await using lost = createWorker({ servers: [`127.0.0.1:${await freePort()}`], ...settings });
  const next = gate<number>();
  lost.pool.on('reconnecting', ({ delayMs }) => next.open(delayMs));
  expect(await next.opened).toBe(500);

  await using silent = await fakeServer();
  const clock = new FakeClock();
  await using patient = createWorker({ servers: silent.server, replyTimeoutMs: 3000, clock });
  const code = codeOf(patient.pool.echo());
  await (await silent.peer()).expect('ECHO_REQ');
  await clock.advanceAsync(3000);
  expect(await code).toBe('ERR_GEARMAN_REPLY_TIMEOUT');
});

row('`worker.add_ability(f, timeout) {\\|data, job\\|}`', async () => {
  await using worker = createWorker({ servers: ours.server });
  worker.register('aa', (job) => (job.text() === 'truth' ? 'yes' : false), {
    timeoutMs: 60_000,
    falsyFails: true,
  });
  await worker.start();
  await using client = ours.client();
  expect(await client.submit('aa', 'truth').text()).toBe('yes');
  expect(await codeOf(client.submit('aa', 'lie'))).toBe('ERR_GEARMAN_JOB_FAILED');
});

row('`worker.remove_ability(f)`', async () => {
  await using worker = await ours.work({ ra: () => '' });
  await worker.unregister('ra');
  await worker.pool.echo();
  await using admin = ours.admin();
  const { functions } = await admin.status();
  expect(functions.find(({ functionName }) => functionName === 'ra')?.workers ?? 0).toBe(0);
});

row('`worker.work`, `loop { worker.work }`', async () => {
  await using worker = createWorker({ servers: ours.server });
  worker.register('ww', (job) => job.payload);
  await using client = ours.client();
  const jobs = ['a', 'b', 'c'].map((text) => client.submit('ww', text));
  expect(await worker.workOnce()).toMatchObject({ functionName: 'ww', outcome: 'complete' });
  await jobs[0];
  expect(jobs.map(({ done }) => done)).toEqual([true, false, false]);
  await worker.start();
  expect(await Promise.all(jobs.map((job) => job.text()))).toEqual(['a', 'b', 'c']);
});

row('`job.report_status(n, d)`, `send_data(d)`, `report_warning(w)`', async () => {
  await using _worker = await ours.work({
    rs: async (job) => {
      job.progress(2, 8);
      await job.write('data ');
      job.warn('mind');
      return 'end';
    },
  });
  await using client = ours.client();
  const seen: unknown[] = [];
  const job = client.submit('rs', '', {
    onStatus: ({ fraction }) => seen.push(fraction),
    onData: ({ bytes }) => seen.push(textOf(bytes)),
    onWarning: ({ text }) => seen.push(text),
  });
  expect(await job.text()).toBe('data end');
  expect(seen).toEqual([0.25, 'data ', 'mind']);
});

row('`worker.worker_enabled = false`, `worker.status`', async () => {
  const worker = await ours.work({ en: () => 'ran' });
  await using client = ours.client();
  worker.stopGrabbing();
  await worker.pause();
  // Its answer says that the server has no request for a job any more.
  await worker.pool.echo();
  expect(worker.status()).toMatchObject({ state: 'started', servers: [{ state: 'paused' }] });
  const job = client.submit('en');
  expect(await client.status(await job.created)).toMatchObject({ known: true, running: false });
  worker.resume();
  expect(await job.text()).toBe('ran');
  await worker.stop();
  expect(worker.status().state).toBe('stopped');
});

row('`worker.job_servers=`, `bad_servers`', async () => {
  await using other = await startOurServer();
  await using worker = await ours.work({ jw: (job) => job.server });
  await worker.pool.setServers([other.server]);
  await using client = createClient({ servers: other.server });
  expect(await client.submit('jw').text()).toBe(other.server);
  expect(worker.status().servers).toMatchObject([{ server: other.server, connection: 'ready' }]);
});

row('`Gearman::Server.new(hp).status`, `.workers`', async () => {
  await using _worker = await ours.work({ sn: () => '' });
  await using admin = ours.admin();
  const { functions } = await admin.status();
  expect(functions).toContainEqual({ functionName: 'sn', total: 0, queued: 0, running: 0, workers: 1 });
  const { workers } = await admin.workers();
  expect(workers.flatMap(({ functionNames }) => functionNames)).toContain('sn');
});

row(
  '`Util.pack_request`, `read_response`, `send_request`, `timed_recv`, `normalize_job_servers`',
  async () => {
    const packet = request('ECHO_REQ', { data: new TextEncoder().encode('hello') });
    expect(new PacketParser().push(Buffer.concat(encodePacket(packet)))).toEqual([packet]);
    expect(parseServers(['a', 'b:5', 'c, d:6']).map(serverName)).toEqual(['a:4730', 'b:5', 'c:4730', 'd:6']);

    await using pool = createPool({ servers: ours.server });
    const connection = await pool.acquire();
    expect(connection.send(request('SET_CLIENT_ID', { clientId: 'bare' }))).toBe(true);
    expect(textOf((await connection.ask(packet, 5000)).data)).toBe('hello');
    await using silent = await fakeServer();
    await using waiting = createPool({ servers: silent.server });
    expect(await codeOf((await waiting.acquire()).ask(packet, 1))).toBe('ERR_GEARMAN_REPLY_TIMEOUT');
  },
);

row('`FakeJobServer`, `TestScript`', async () => {
  await using server = await fakeServer();
  await using client = createClient({ servers: server.server, exceptions: false });
  const job = client.submit('fj', 'abc');
  const peer = await server.peer();
  expect(textOf((await peer.expect('SUBMIT_JOB')).workload)).toBe('abc');
  peer.send(response('JOB_CREATED', { handle: 'H:1' }));
  peer.send(response('WORK_COMPLETE', { handle: 'H:1', data: new TextEncoder().encode('done') }));
  expect(await job.text()).toBe('done');
});

end();
