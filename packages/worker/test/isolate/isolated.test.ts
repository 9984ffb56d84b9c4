import { startOurServer } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import type { WorkerOptions } from '../../src/index.ts';
import { type Isolated, type IsolatedOptions, isolated } from '../../src/supervisor/index.ts';
import { gate, Stage } from '../support/stage.ts';
import type { Submitted, Submitter } from '../support/submitter.ts';

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

interface Setting extends AsyncDisposable {
  readonly client: Submitter;
  readonly handler: Isolated;
}

/** A worker with an isolated handler. */
async function setUp(
  options: IsolatedOptions,
  { timeoutMs, name = 'handler.mjs', ...rest }: WorkerOptions & { timeoutMs?: number; name?: string } = {},
): Promise<Setting> {
  const stage = new Stage(() => startOurServer());
  const server = await stage.server();
  const worker = stage.worker(server, { concurrency: 4, ...rest });
  const handler: Isolated = isolated(fixture(name), options);
  worker.register('f', handler, timeoutMs === undefined ? {} : { timeoutMs });
  worker.register('without limit', handler);
  worker.register('plain', () => '');
  await worker.start();
  const client = await stage.client(server);
  return {
    client,
    handler,
    async [Symbol.asyncDispose]() {
      await worker.stop({ timeoutMs: 0 });
      await handler.close();
      // Results of jobs that had timed out come too late.
      stage.complaints();
      await stage[Symbol.asyncDispose]();
    },
  };
}

const story = async (job: Promise<Submitted>): Promise<readonly string[]> => {
  const submitted = await job;
  await submitted.ended;
  return submitted.story;
};

/** The story of a job that ends with an exception, whose details are JSON. */
async function exceptionOf(job: Promise<Submitted>): Promise<unknown> {
  const line = (await story(job)).at(-1) ?? '';
  expect(line).toMatch(/^WORK_EXCEPTION:/);
  return JSON.parse(line.slice('WORK_EXCEPTION:'.length));
}

async function hasWritten(job: Submitted): Promise<void> {
  while (job.story.length === 0) await new Promise((resolve) => setImmediate(resolve));
}

describe.each(['thread', 'process'] as const)('a handler in a %s', (kind) => {
  test('does everything that others do, and what it throws harms nobody', async () => {
    const lines: unknown[] = [];
    const say = (fields: object, message: string): void => void lines.push([message, fields]);
    const logger = { debug() {}, info: say, warn() {}, error() {} };
    await using setting = await setUp({ kind, size: 1 }, { logger });
    const { client } = setting;
    expect(await client.run('f', 'echo grüße')).toBe('grüße');
    expect(await client.run('f', 'bytes')).toBe(Buffer.from([0, 255]).toString());
    expect(JSON.parse(await client.run('f', 'about', { uniqueId: 'u' }))).toEqual([
      'f',
      expect.stringMatching(/^H:/),
      expect.stringMatching(/^127/),
      'u',
    ]);
    expect(await story(client.submit('f', 'tell'))).toEqual(
      expect.arrayContaining(['WORK_STATUS:1/2', 'WORK_WARNING:careful', 'WORK_DATA:a', 'WORK_COMPLETE:b']),
    );
    expect(lines).toContainEqual(['a line', expect.objectContaining({ some: 'field', functionName: 'f' })]);
    expect(await story(client.submit('f', 'parts'))).toEqual([
      'WORK_DATA:a',
      'WORK_DATA:b',
      'WORK_COMPLETE:',
    ]);
    expect(await story(client.submit('f', 'fail'))).toEqual(['WORK_WARNING:no', 'WORK_FAIL']);
    expect(await exceptionOf(client.submit('f', 'throw'))).toMatchObject({
      name: 'TypeError',
      message: 'broken',
      code: 'E_BROKEN',
    });
    expect(await exceptionOf(client.submit('f', 'wrong'))).toMatchObject({
      code: 'ERR_GEARMAN_INVALID_ARGUMENT',
    });
  });

  test('that ends or crashes fails its job; the next one gets a new one', async () => {
    await using setting = await setUp({ kind, size: 1 });
    const { client } = setting;
    const [exit, next] = [client.submit('f', 'exit'), client.submit('f', 'echo waiting')];
    expect(await exceptionOf(exit)).toMatchObject({
      code: 'ERR_GEARMAN_SANDBOX_CRASH',
      message: expect.stringContaining('ended with code 3'),
    });
    expect(await story(next)).toEqual(['WORK_COMPLETE:waiting']);
  });

  test('is killed when it blocks beyond its time, and the next job gets a new one', async () => {
    await using setting = await setUp({ kind, size: 1, killAfterMs: 1 }, { timeoutMs: 250 });
    const { client } = setting;
    const blocked = await client.submit('f', 'block');
    await hasWritten(blocked);
    // The only thread or process there may be is blocked, until it is killed.
    expect(await client.run('without limit', 'echo waiting')).toBe('waiting');
  });
});

describe('an isolated handler', () => {
  test('hears of the abort and may end by itself', async () => {
    const heard = gate<string>();
    const info = (_: object, line: string): void => void (line.startsWith('heard') && heard.open(line));
    const logger = { debug() {}, info, warn() {}, error() {} };
    await using setting = await setUp({ size: 1, killAfterMs: 60_000 }, { timeoutMs: 20, logger });
    await setting.client.submit('f', 'polite');
    expect(await heard.opened).toBe('heard ERR_GEARMAN_JOB_TIMEOUT');
  });

  test('refuses jobs that wait when it is closed', async () => {
    await using setting = await setUp({ size: 1 });
    const { client, handler } = setting;
    const blocked = await client.submit('f', 'block');
    await hasWritten(blocked);
    const waiting = await client.submit('f', 'echo x');
    await client.run('plain');
    await handler.close();
    expect(await exceptionOf(Promise.resolve(waiting))).toMatchObject({ code: 'ERR_GEARMAN_CLOSED' });
    expect(await exceptionOf(Promise.resolve(blocked))).toMatchObject({ code: 'ERR_GEARMAN_SANDBOX_CRASH' });
  });

  test('that nobody can load fails its jobs', async () => {
    await using setting = await setUp({}, { name: 'no-such-file.mjs' });
    expect(await exceptionOf(setting.client.submit('f', ''))).toMatchObject({
      code: 'ERR_GEARMAN_MODULE',
      message: expect.stringContaining('no-such-file.mjs'),
    });
  });

  test('that crashes behind its back fails its job', async () => {
    await using setting = await setUp({ size: 1 });
    expect(await exceptionOf(setting.client.submit('f', 'crash'))).toMatchObject({
      code: 'ERR_GEARMAN_SANDBOX_CRASH',
    });
  });

  test('refuses wrong options', () => {
    // @ts-expect-error: no such kind
    expect(() => isolated('x.mjs', { kind: 'fiber' })).toThrow(/kind/);
    expect(() => isolated('x.mjs', { size: 0 })).toThrow(/size/);
    // @ts-expect-error: the unit is missing
    expect(() => isolated('x.mjs', { killAfter: 1 })).toThrow(/killAfter/);
  });
});
