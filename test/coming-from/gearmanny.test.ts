import { createClient } from '@gearman/client';
import { createPool } from '@gearman/pool';
import { GearmanError } from '@gearman/protocol';
import { codecs, defineFunction, defineRegistry } from '@gearman/protocol/payload';
import { FakeClock } from '@gearman/testing';
import { createWorker, defineWorker, type WorkerDefinition } from '@gearman/worker';
import { cached, createCache } from '@gearman/worker/cache';
import { createSupervisor } from '@gearman/worker/supervisor';
import { expect, expectTypeOf } from 'vitest';
import { z } from 'zod';
import { codeOf, gate, OneServer } from './one-server.ts';
import { MigrationPage } from './page.ts';

const { row, end } = new MigrationPage('gearmanny');
const ours = new OneServer();

interface Api {
  myworker_echo(args: { text: string; times?: number }): string;
}

/** What the page's program offers, and a task that waits until it is released. */
function myworker(release: Promise<void> = Promise.resolve()): WorkerDefinition {
  return defineWorker({
    name: 'myworker',
    tasks: {
      echo: {
        description: 'Says what it is told.',
        input: z.object({ text: z.string(), times: z.number().default(1) }),
        handler: async ({ data }) => {
          await release;
          return data.text.repeat(data.times);
        },
      },
    },
  });
}

/** A started worker of a definition. */
async function run(definition: WorkerDefinition) {
  const worker = createWorker({ servers: ours.server }).mount(definition);
  await worker.start();
  return worker;
}

row('`SimpleClient(hosts).myworker_echo(text=…)`', async () => {
  await using _worker = await run(myworker());
  await using client = ours.client();
  const text = await client.rpc<Api>().myworker_echo({ text: 'hello' });
  expectTypeOf(text).toEqualTypeOf<string>();
  expect(text).toBe('hello');

  const echo = defineFunction({
    name: 'myworker_echo',
    input: z.object({ text: z.string() }),
    output: z.string(),
  });
  const contracts = defineRegistry({ myworker_echo: echo });
  await using knowing = createClient({ servers: ours.server, contracts });
  expect(await knowing.rpc().myworker_echo({ text: 'typed' })).toBe('typed');
  expect(await knowing.rpc().myworker.echo({ text: 'by parts' })).toBe('by parts');
});

row('`AsyncClient(hosts).myworker_echo(…)` → `.is_done()`, `.get_result(timeout)`', async () => {
  const release = gate();
  await using _worker = await run(myworker(release.opened));
  await using client = ours.client();
  const job = client.rpc<Api>().myworker_echo({ text: 'hello' });
  await job.created;
  expect(job.done).toBe(false);
  expect(await codeOf(job.result({ timeoutMs: 1 }))).toBe('ERR_GEARMAN_RESPONSE_TIMEOUT');
  release.open();
  expect(await job.result({ timeoutMs: 10_000 })).toBe('hello');
  expect(job.done).toBe(true);
});

row('`SimpleClient(hosts).myworker_help()`', async () => {
  await using _worker = await run(myworker());
  await using client = ours.client();
  const { echo } = await client.help('myworker');
  expect(echo?.args).toEqual({ text: { required: true }, times: { required: false, default: 1 } });
});

row('`GearmanException`', async () => {
  await using _worker = await run(myworker());
  await using client = ours.client();
  const failed: unknown = await client
    .rpc<{ myworker_echo(args: object): string }>()
    .myworker_echo({ text: 7 })
    .catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(GearmanError);
  expect(failed).toMatchObject({
    code: 'ERR_GEARMAN_JOB_EXCEPTION',
    remote: { code: 'ERR_GEARMAN_INVALID_INPUT' },
  });
});

row('`class MyWorker(BaseWorker)`, `name`, `task_x(self, a, b=…)`', async () => {
  const definition = defineWorker({
    name: 'sums',
    tasks: {
      add: {
        input: z.object({ a: z.number(), b: z.number().default(10) }),
        handler: ({ data }) => {
          expectTypeOf(data).toEqualTypeOf<{ a: number; b: number }>();
          return data.a + data.b;
        },
      },
    },
  });
  await using _worker = await run(definition);
  await using client = ours.client();
  const rpc = client.rpc<{ sums_add(args: { a: number; b?: number }): number }>();
  expect(await rpc.sums_add({ a: 1 })).toBe(11);
  expect(await rpc.sums_add({ a: 1, b: 2 })).toBe(3);
});

row('docstring', async () => {
  await using _worker = await run(myworker());
  await using client = ours.client();
  expect(await client.help('myworker')).toMatchObject({ echo: { description: 'Says what it is told.' } });
});

row('`work_class = JsonWorker`, or another', async () => {
  const definition = defineWorker({
    name: 'coded',
    tasks: {
      json: { handler: ({ data }) => ({ got: data }) },
      text: { codec: codecs.text(), handler: ({ data }) => `got ${String(data)}` },
    },
  });
  await using _worker = await run(definition);
  await using client = ours.client();
  expect(await client.submit('coded_json', '[1]').text()).toBe('{"got":[1]}');
  expect(await client.submit('coded_text', '[1]').text()).toBe('got [1]');
});

row('`setUp()`', async () => {
  const order: string[] = [];
  const definition = defineWorker({
    name: 'prepared',
    setup: async () => void order.push('setup'),
    tasks: { task: { handler: () => order.push('task') } },
  });
  await using _worker = await run(definition);
  await using client = ours.client();
  await client.submit('prepared_task', 'null');
  expect(order).toEqual(['setup', 'task']);
});

row('`MyWorker(verbosity, hosts, gearman_worker).start()`', async () => {
  const lines: string[] = [];
  const log = (_fields: object, message: string): void => void lines.push(message);
  const logger = { debug: log, info: log, warn: log, error: log };
  await using worker = createWorker({ servers: ours.server, logger }).mount(myworker());
  await worker.start();
  expect(worker.status()).toMatchObject({ state: 'started', functions: ['myworker_echo', 'myworker_help'] });
  expect(lines).toContain('connected');

  await using pool = createPool({ servers: ours.server });
  await using sharing = createWorker({ pool }).mount(myworker());
  expect(sharing.pool).toBe(pool);
});

row('`<name>_help`', async () => {
  expect(myworker().functions.map(({ functionName }) => functionName)).toContain('myworker_help');
  const quiet = defineWorker({ name: 'quiet', help: false, tasks: { task: { handler: () => 1 } } });
  expect(quiet.functions.map(({ functionName }) => functionName)).toEqual(['quiet_task']);
  await using _worker = await run(myworker());
  await using client = ours.client();
  expect(Object.keys(JSON.parse(await client.submit('myworker_help').text()))).toEqual(['echo']);
});

row('`WorkRunner([W…], hosts, verbosity).start(threads, keepAlive)`', async () => {
  const modules = [new URL('./pids.mjs', import.meta.url)];
  await using supervisor = createSupervisor({ modules, servers: ours.server, processes: 2, keepAlive: true });
  await supervisor.start();
  const pids = supervisor.processes.map(({ pid }) => pid);
  expect(new Set(pids).size).toBe(2);
  await using client = ours.client();
  expect(pids.map(String)).toContain(await client.submit('pid').text());

  const back = gate<number>();
  supervisor.on('process-ready', ({ pid }) => back.open(pid));
  const [first] = pids;
  if (first === undefined) throw new Error('the first process has no id');
  process.kill(first, 'SIGKILL');
  const pid = await back.opened;
  expect(pids).not.toContain(pid);
  expect(supervisor.processes.map((each) => each.pid)).toEqual([pid, pids[1]]);
});

row('`cacheBuilder(host, dbname, collection, DEBUG, returnvalue_washer)`', async () => {
  const store = new Map<string, string>();
  const transform = (result: unknown): string => String(result).trim();
  await using cache = createCache({ store, namespace: 'db.collection', transform });
  const events: string[] = [];
  cache.on('event', ({ type }) => events.push(type));
  await using worker = createWorker({ servers: ours.server });
  worker.register(
    'cb',
    cached((job) => `  ${job.text()} `, { cache, maxAgeMs: 60_000 }),
  );
  await worker.start();
  await using client = ours.client();
  expect(await client.submit('cb', 'washed').text()).toBe('washed');
  expect(await client.submit('cb', 'washed').text()).toBe('washed');
  expect(events[0]).toBe('miss');
  expect(events).toHaveLength(2);
  expect([...store.keys()]).toEqual([expect.stringMatching(/^db\.collection/)]);
});

row('`@cachewrap("unique_name", max_days_age=1)`', async () => {
  const clock = new FakeClock();
  await using cache = createCache({ clock });
  const calls: string[] = [];
  await using worker = createWorker({ servers: ours.server });
  const oneDay = { cache, name: 'unique_name', maxAgeMs: 86_400_000 };
  worker.register(
    'cw',
    cached((job) => `call ${calls.push(job.text())}`, oneDay),
  );
  await worker.start();
  await using client = ours.client();
  const ask = (): Promise<string> => client.submit('cw', 'arguments').text();
  expect([await ask(), await ask()]).toEqual(['call 1', 'call 1']);
  clock.advance(86_400_001);
  expect(await ask()).toBe('call 2');
  expect(await client.submit('cw', 'other arguments').text()).toBe('call 3');
});

end();
