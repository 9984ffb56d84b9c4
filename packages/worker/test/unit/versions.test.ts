import { response } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import type { WorkerSettings } from '../../src/index.ts';
import { FakePeer, turn } from '../support/fake-network.ts';
import { createFakeWorker, createStartedWorker, type FakeWorker, said } from '../support/fake-worker.ts';

const fails = (): never => {
  throw new Error('no');
};

async function end({ worker, peer }: FakeWorker): Promise<void> {
  peer.close();
  await worker.stop({ timeoutMs: 0 });
}

/** A worker that does not know the version of its server, and whose handler throws at once. */
async function afterException(settings: WorkerSettings & { timeoutMs?: number } = {}): Promise<FakeWorker> {
  const { timeoutMs, ...rest } = settings;
  const fake = await createStartedWorker(
    (worker) => worker.register('f', fails, timeoutMs === undefined ? {} : { timeoutMs }),
    { asksVersion: rest.serverVersion === undefined, ...rest },
  );
  fake.peer.assign();
  await turn();
  return fake;
}

/** Plays the server of the short connection that asks for the version. */
async function tellVersion(fake: FakeWorker, answer: string): Promise<void> {
  const asking = fake.net.peer();
  expect(asking).not.toBe(fake.peer);
  const heard: string[] = [];
  asking.onText = (line) => {
    heard.push(line);
    asking.sendText(answer);
  };
  asking.accept();
  await turn();
  await turn();
  expect(heard).toEqual(['version']);
  expect(asking.open).toBe(false);
}

describe('what a server is sent for an exception', () => {
  test.each([
    ['exception', 'WORK_EXCEPTION(1)'],
    ['exception+fail', 'WORK_EXCEPTION(1) WORK_FAIL(1)'],
    ['warning+fail', 'WORK_WARNING(1) WORK_FAIL(1)'],
    ['fail', 'WORK_FAIL(1)'],
  ] as const)('is what exceptionMode %s says', async (exceptionMode, expected) => {
    const fake = await afterException({ exceptionMode });
    expect(await said(fake.peer)).toBe(`${expected} GRAB_JOB_ALL`);
    expect(fake.net.dials()).toBe(1);
    expect(fake.events.map(({ type }) => type)).toEqual(['job-start', 'job-exception']);
    await end(fake);
  });

  test.each([
    ['1.1.20', 'WORK_EXCEPTION(1)'],
    ['1.1.9', 'WORK_EXCEPTION(1)'],
    ['2.0.0', 'WORK_EXCEPTION(1)'],
    ['0.1.0', 'WORK_EXCEPTION(1)'],
    ['1.1.8', 'WORK_EXCEPTION(1) WORK_FAIL(1)'],
    ['1.0.6', 'WORK_EXCEPTION(1) WORK_FAIL(1)'],
  ])('is right for version %s, when that is known', async (serverVersion, expected) => {
    const fake = await afterException({ serverVersion });
    expect(await said(fake.peer)).toBe(`${expected} GRAB_JOB_ALL`);
    expect(fake.net.dials()).toBe(1);
    await end(fake);
  });

  test.each([
    ['OK 1.1.20\n', ''],
    ['OK 1.0.6\n', 'WORK_FAIL(1)'],
    ['ERR UNKNOWN_COMMAND Unknown+server+command\r\n', 'WORK_FAIL(1)'],
  ])('is completed when the server has told its version: %j', async (answer, late) => {
    const fake = await afterException();
    // Nothing waits for the version.
    expect(await said(fake.peer)).toBe('WORK_EXCEPTION(1) GRAB_JOB_ALL');
    await tellVersion(fake, answer);
    expect(await said(fake.peer)).toBe(late);
    const dials = fake.net.dials();
    fake.peer.assign();
    await turn();
    expect(await said(fake.peer)).toBe(
      late === '' ? 'WORK_EXCEPTION(2) GRAB_JOB_ALL' : 'WORK_EXCEPTION(2) WORK_FAIL(2) GRAB_JOB_ALL',
    );
    expect(fake.net.dials()).toBe(dials);
    await end(fake);
  });

  test('is not completed on another connection', async () => {
    const fake = await afterException();
    const asking = fake.net.peer();
    fake.peer.close();
    asking.onText = () => asking.sendText('OK 1.0.6\n');
    asking.accept();
    await turn();
    fake.clock.advance(1000);
    const again = fake.net.peer();
    again.accept();
    expect(await said(again)).toBe('CAN_DO GRAB_JOB_ALL');
    await end({ ...fake, peer: again });
  });

  test('is asked for again when the server could not be asked', async () => {
    const fake = await afterException();
    fake.net.peer().close();
    await turn();
    expect(await said(fake.peer)).toBe('WORK_EXCEPTION(1) GRAB_JOB_ALL WORK_FAIL(1)');
    fake.peer.assign();
    await turn();
    expect(fake.net.dials()).toBe(3);
    await end(fake);
  });
});

describe('a time limit', () => {
  test.each(['1.1.19', '1.1.20', '2.0.0'])('is the server’s of version %s to keep', async (serverVersion) => {
    const fake = createFakeWorker({ serverVersion });
    fake.worker.register('f', () => new Promise<string>(() => {}), { timeoutMs: 2000 });
    void fake.worker.start();
    fake.peer.accept();
    expect(await said(fake.peer)).toBe('CAN_DO_TIMEOUT GRAB_JOB_ALL');
    fake.peer.assign();
    fake.clock.advance(2000);
    expect(await said(fake.peer)).toBe('');
    await end(fake);
  });

  test('is kept here where the server would take it for seconds', async () => {
    const fake = createFakeWorker({ serverVersion: '1.1.18' });
    fake.worker.register('f', () => new Promise<string>(() => {}), { timeoutMs: 2000 });
    void fake.worker.start();
    fake.peer.accept();
    expect(await said(fake.peer)).toBe('CAN_DO_TIMEOUT GRAB_JOB_ALL CAN_DO');
    fake.peer.assign();
    fake.clock.advance(1999);
    expect(await said(fake.peer)).toBe('');
    fake.clock.advance(1);
    expect(await said(fake.peer)).toBe('WORK_EXCEPTION(1)');
    await end(fake);
  });

  test('is sent at once, and taken back when the version is learned', async () => {
    const fake = createFakeWorker({ asksVersion: true });
    fake.worker.register('f', () => '', { timeoutMs: 2000 });
    void fake.worker.start();
    fake.peer.accept();
    expect(await said(fake.peer)).toBe('CAN_DO_TIMEOUT GRAB_JOB_ALL');
    await tellVersion(fake, 'OK 1.1.12\n');
    expect(await said(fake.peer)).toBe('CAN_DO');
    await end(fake);
  });
});

describe('a request for a job that is never answered', () => {
  test('is noticed after grabTimeoutMs; the connection is opened anew', async () => {
    const fake = await createStartedWorker((worker) => worker.register('f', () => 'x'), {
      grabTimeoutMs: 700,
    });
    fake.clock.advance(699);
    expect(fake.events).toEqual([]);
    fake.clock.advance(1);
    expect(fake.events).toMatchObject([
      { type: 'grab-timeout', server: 'a:1', error: { code: 'ERR_GEARMAN_REPLY_TIMEOUT' } },
    ]);
    fake.clock.advance(100);
    const again = fake.net.peer();
    expect(again).not.toBe(fake.peer);
    again.accept();
    expect(await said(again)).toBe('CAN_DO GRAB_JOB_ALL');
    again.assign();
    expect(await said(again)).toBe('WORK_COMPLETE(1) GRAB_JOB_ALL');
    again.send(response('NO_JOB', {}));
    expect(await said(again)).toBe('PRE_SLEEP');
    await end({ ...fake, peer: again });
    expect(again).toBeInstanceOf(FakePeer);
  });
});
