import { join } from 'node:path';
import { request } from '@gearman/protocol';
import { RawConnection } from '@gearman/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Network } from '../../../../test/support/network.ts';
import { POSTGRES_URL, testSchema, withoutPostgres } from '../../../../test/support/postgres.ts';
import { PostgresCluster, withoutCluster } from '../../../../test/support/postgres-cluster.ts';
import { until } from '../../../../test/support/until.ts';
import { startCommand } from '../support/command.ts';
import { ask, gearmand, gearmandOnFreePort } from '../support/gearmand.ts';
import { JobBook } from '../support/job-book.ts';
import { startClient, startWorker } from '../support/load.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const wanted = process.env['GEARMAN_POSTGRES_KILLS'];
const TIMES = Number(wanted ?? 3);
const MOST_ACKNOWLEDGEMENTS = 1000;
const LEASE_MS = 1000;
const CLIENTS = 4;
const WORKERS = 3;
/** Submits wait for the database, and the server for the store. */
const PATIENT = { wait_ms: '20000' };
const PATIENTLY = ['--store-timeout-ms', '0'];
const TIME_LIMIT = { timeout: 90_000 + TIMES * 15_000 };

/** What `--store` is given, in a schema that is gone after the test. */
function storeUrl(base = POSTGRES_URL, extra: Record<string, string> = {}): string {
  const schema = testSchema(base);
  onTestFinished(() => schema.drop());
  return withParameters(base, { schema: schema.name, lease_ms: String(LEASE_MS), ...extra });
}

function withParameters(base: string, parameters: Record<string, string>): string {
  const url = new URL(base);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** The same store, reached over another address. */
function through(network: Network, url: string): string {
  return withParameters(network.url, Object.fromEntries(new URL(url).searchParams));
}

async function startLoad(port: number, book: JobBook, clients: number, refused?: (text: string) => void) {
  const keeps = (): boolean => clients > 0 && Math.random() < 0.02;
  const started = [startWorker(port, ['ordered'], book, keeps)];
  for (let i = 1; i < WORKERS; i++) started.push(startWorker(port, ['any'], book, keeps));
  for (let i = 0; i < clients; i++) started.push(startClient(port, book, refused));
  const connections = await Promise.all(started);
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(connections.map((connection) => connection.close()));
    },
  };
}

const some = (): number => 1 + Math.floor(Math.random() * MOST_ACKNOWLEDGEMENTS);

/** Lets workers run what is left on a server. */
async function drain(port: number, book: JobBook): Promise<void> {
  await using _workers = await startLoad(port, book, 0);
  const left = async (): Promise<string> =>
    (await ask({ port }, 'status')).replaceAll(/^\S+\t0\t0\t\d+\n/gm, '');
  await expect.poll(left, { timeout: 60_000 }).toBe('.\n');
}

/** All that was acknowledged runs on a server that goes on with what is there. */
async function settle(url: string, book: JobBook): Promise<void> {
  book.killed();
  const server = await gearmandOnFreePort('--store', url);
  await drain(server.port, book);
  const { acknowledged, repeats, complaints, open: lost } = book;
  if (wanted !== undefined) {
    const figures = { times: TIMES, acknowledged, lost, repeats, complaints: complaints.length };
    process.stdout.write(`torture: ${JSON.stringify(figures)}\n`);
  }
  expect({ lost, complaints }).toEqual({ lost: 0, complaints: [] });
}

async function submit(port: number, workload: string): Promise<string> {
  await using client = await RawConnection.open(port);
  const packet = { functionName: 'f', uniqueId: '', workload: Buffer.from(workload) };
  client.send(request('SUBMIT_JOB_BG', packet));
  return (await client.expect('JOB_CREATED')).handle;
}

async function take(port: number): Promise<{ handle: string; text: string }> {
  await using worker = await RawConnection.open(port);
  worker.send(request('CAN_DO', { functionName: 'f' }), request('GRAB_JOB', {}));
  const { handle, workload } = await worker.expect('JOB_ASSIGN');
  return { handle, text: Buffer.from(workload).toString() };
}

describe.skipIf(withoutPostgres)('--store', () => {
  test('takes jobs from a directory and gives them to one, under their handles', async () => {
    const folder = temporaryFolder();
    const first = await gearmandOnFreePort('--data-dir', join(folder, 'first'));
    const handle = await submit(first.port, 'a photo');
    first.signal('SIGTERM');
    await first.ended;
    const url = storeUrl();
    // Over the database from one directory to another.
    for (const [from, to] of [
      [join(folder, 'first'), url],
      [url, join(folder, 'second')],
    ]) {
      const exported = await startCommand('gearmand', ['store', 'export', from ?? '']).ended;
      expect(exported.stderr).toMatch(/^gearmand: exported 1 job from (journal|postgres) .*\n$/);
      const imported = await startCommand('gearmand', ['store', 'import', to ?? '', '-'], exported.stdout)
        .ended;
      expect(imported).toMatchObject({ code: 0, stderr: '' });
      expect(imported.stdout).toMatch(
        /^imported 1 job of standard input into (journal|postgres) .*, under their handles\n$/,
      );
    }
    const second = await gearmandOnFreePort('--data-dir', join(folder, 'second'));
    expect(await take(second.port)).toEqual({ handle, text: 'a photo' });
  });

  test.each(['check', 'compact'])('is nothing for gearmand store %s', async (command) => {
    const { code, stderr } = await startCommand('gearmand', ['store', command, 'postgres://me:secret@h/d'])
      .ended;
    expect(stderr).toBe('gearmand: this is for directories; a database is looked after by its own tools\n');
    expect(code).toBe(2);
  });

  test.each(['SIGKILL', 'SIGTERM'] as const)('keeps background jobs over %s', async (signal) => {
    const url = storeUrl();
    const first = await gearmandOnFreePort('--store', url);
    const handle = await submit(first.port, 'a photo');
    first.signal(signal);
    await first.ended;

    const second = await gearmandOnFreePort('--store', url);
    await second.logs('background jobs are kept in the database store="postgres');
    expect(await take(second.port)).toEqual({ handle, text: 'a photo' });
  });

  test('that another server uses: code 4, and who that is', async () => {
    const url = storeUrl();
    const first = await gearmandOnFreePort('--store', url);
    const { code, stdout, stderr } = await gearmand(['--port=0'], { GEARMAND_STORE: url }).ended;
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr).toContain(`is in use by process ${first.pid} on `);
  });

  test.each([
    ['postgres://postgres@127.0.0.1:1/test', 4, 'cannot be reached: connect ECONNREFUSED'],
    ['mysql://somebody:secret@127.0.0.1/test', 2, '--store: connection: must begin with postgres://'],
    ['somebody:secret@127.0.0.1/test', 2, '--store: '],
    ['postgres://somebody:secret@127.0.0.1:1/test?lease_ms=soon', 2, '--store: leaseMs: '],
  ])('%s ends with code %i and no password', async (url, code, sentence) => {
    const ended = await gearmand(['--port=0', '--store', url]).ended;
    expect(ended.stderr).toContain(sentence);
    expect(ended.stderr).not.toContain('secret');
    expect(ended.code).toBe(code);
  });

  test('loses nothing when the server is killed under load', TIME_LIMIT, async () => {
    const url = storeUrl();
    const book = new JobBook(Math.random);
    for (let kill = 0; kill < TIMES; kill++) {
      const server = await gearmandOnFreePort('--store', url);
      const acknowledged = book.acknowledgements(some());
      await using _load = await startLoad(server.port, book, CLIENTS);
      await acknowledged;
      server.signal('SIGKILL');
      await server.ended;
      book.killed();
    }
    await settle(url, book);
  });

  test(
    'loses nothing when the server stands still for longer than its lease, and another one takes over',
    TIME_LIMIT,
    async () => {
      const url = storeUrl();
      const book = new JobBook(Math.random);
      for (let pause = 0; pause < TIMES; pause++) {
        const first = await gearmandOnFreePort('--store', url);
        {
          const acknowledged = book.acknowledgements(some());
          await using _load = await startLoad(first.port, book, CLIENTS);
          await acknowledged;
          first.signal('SIGSTOP');
        }
        book.killed();
        const second = await gearmandOnFreePort('--store', url);
        first.signal('SIGCONT');
        const { code, stderr } = await first.ended;
        expect(stderr).toContain(`was taken over by process ${second.pid} on `);
        expect(code).toBe(4);
        await drain(second.port, book);
        second.signal('SIGTERM');
        await second.ended;
      }
      await settle(url, book);
    },
  );

  test('loses nothing when the network breaks under load', TIME_LIMIT, async () => {
    // Where much else runs, making the connection again may take longer than submits wait by themselves.
    const url = storeUrl(POSTGRES_URL, PATIENT);
    await using network = await Network.start(POSTGRES_URL);
    const server = await gearmandOnFreePort(...PATIENTLY, '--store', through(network, url));
    const book = new JobBook(Math.random);
    {
      await using _load = await startLoad(server.port, book, CLIENTS);
      for (let cut = 0; cut < TIMES; cut++) {
        for (const how of ['cut statement', 'cut within', 'cut answer'] as const) {
          const cuts = network.cuts + 1;
          await book.acknowledgements(100);
          network.cutNext(how, 1000);
          await until(() => (network.cuts === cuts ? true : undefined));
        }
        await book.acknowledgements(100);
        network.cut();
      }
      await book.acknowledgements(100);
    }
    server.signal('SIGTERM');
    await server.ended;
    await settle(url, book);
  });
});

describe.skipIf(withoutCluster)('--store, when the database', () => {
  test('crashes under load, refuses submits and loses nothing', TIME_LIMIT, async () => {
    await using cluster = await PostgresCluster.start();
    const url = withParameters(cluster.url, { lease_ms: String(LEASE_MS) });
    const server = await gearmandOnFreePort('--store', url);
    const book = new JobBook(Math.random);
    {
      const reasons = new Set<string>();
      let refusals = 0;
      await using _load = await startLoad(server.port, book, CLIENTS, (text) => {
        reasons.add(text);
        refusals++;
      });
      for (let crash = 0; crash < TIMES; crash++) {
        await book.acknowledgements(some());
        await cluster.stop('SIGQUIT');
        const before = refusals;
        await until(() => (refusals > before ? true : undefined));
        await cluster.start();
      }
      await book.acknowledgements(100);
      for (const reason of reasons) expect(reason).toContain('cannot be reached');
    }
    server.signal('SIGTERM');
    await server.ended;
    await settle(url, book);
  });

  test(
    'is restarted under load, waits for it if told so, and loses and refuses nothing',
    TIME_LIMIT,
    async () => {
      await using cluster = await PostgresCluster.start();
      const url = withParameters(cluster.url, { lease_ms: String(LEASE_MS), ...PATIENT });
      const server = await gearmandOnFreePort(...PATIENTLY, '--store', url);
      const book = new JobBook(Math.random);
      {
        await using _load = await startLoad(server.port, book, CLIENTS);
        for (let restart = 0; restart < TIMES; restart++) {
          await book.acknowledgements(some());
          await cluster.stop('SIGINT');
          await cluster.start();
        }
        await book.acknowledgements(100);
      }
      server.signal('SIGTERM');
      await server.ended;
      await settle(url, book);
    },
  );
});
