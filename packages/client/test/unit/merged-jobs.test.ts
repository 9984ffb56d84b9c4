import { type Packet, response } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import type { Job } from '../../src/index.ts';
import { connectFakeClient } from '../support/fake-client.ts';
import { type FakeServer, turn } from '../support/fake-network.ts';

const handle = 'H:1';
const data = (text: string) => response('WORK_DATA', { handle, data: Buffer.from(text) });
const status = (numerator: string) => response('WORK_STATUS', { handle, numerator, denominator: '9' });
const complete = (text: string) => response('WORK_COMPLETE', { handle, data: Buffer.from(text) });

interface Heard {
  readonly jobs: Job[];
  readonly stories: string[][];
  readonly server: FakeServer;
  /** The server sends each packet as often as it does for this many submits. */
  readonly send: (copies: number, ...packets: Packet[]) => void;
}

/** Jobs with one unique id on one connection: the server makes them one. */
async function merged(count: number): Promise<Heard> {
  const { client, server } = await connectFakeClient();
  const jobs = Array.from({ length: count }, () => client.submit('f', '', { uniqueId: 'u' }));
  const stories = jobs.map((job) => {
    const story: string[] = [];
    job.on('data', ({ bytes }) => story.push(Buffer.from(bytes).toString()));
    job.on('status', ({ numerator }) => story.push(String(numerator)));
    job.on('event', ({ type }) => {
      if (type !== 'data' && type !== 'status') story.push(type);
    });
    return story;
  });
  await turn();
  const send = (copies: number, ...packets: Packet[]): void =>
    server.send(...packets.flatMap((packet) => Array.from({ length: copies }, () => packet)));
  return { jobs, stories, server, send };
}

const texts = (jobs: readonly Job[]): Promise<string[]> => Promise.all(jobs.map((job) => job.text()));
const all = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe('Jobs that the server merged', () => {
  test.each([
    ['as many copies as submits, as gearmand and our server do', 3],
    ['one copy per connection, as java-service does', 1],
  ])('each hear everything once from a server that sends %s', async (_, copies) => {
    const { jobs, stories, server, send } = await merged(3);
    server.create(handle, handle, handle);
    send(copies, data('a'), status('1'), data('b'), complete('c'));
    expect(await texts(jobs)).toEqual(all(3, 'abc'));
    expect(stories).toEqual(all(3, ['submitted', 'created', 'a', '1', 'b', 'complete']));
  });

  test('each hear equal packets as often as the worker sent them', async () => {
    const { jobs, server, send } = await merged(2);
    server.create(handle, handle);
    send(2, data('x'), data('x'), data('x'), status('1'), status('1'), complete('x'));
    expect(await texts(jobs)).toEqual(['xxxx', 'xxxx']);
  });

  test('from one copy per connection, too, once it is clear that there is one', async () => {
    const { jobs, server, send } = await merged(2);
    server.create(handle, handle);
    send(1, data('a'), data('x'), data('x'), complete('x'));
    expect(await texts(jobs)).toEqual(['axxx', 'axxx']);
  });

  test('a second submit does not hear what came before its own JOB_CREATED', async () => {
    const { jobs, server, send } = await merged(2);
    server.create(handle);
    send(1, data('early'));
    server.create(handle);
    send(2, data('both'), complete(''));
    expect(await texts(jobs)).toEqual(['earlyboth', 'both']);
  });

  test('one that stopped listening is still counted, as the server counts it', async () => {
    const { jobs, stories, server, send } = await merged(3);
    server.create(handle, handle, handle);
    send(3, data('a'));
    jobs[0]?.detach();
    send(3, data('b'), data('b'), complete('c'));
    expect(await texts(jobs.slice(1))).toEqual(['abbc', 'abbc']);
    expect(stories[0]).toEqual(['submitted', 'created', 'a', 'cancelled']);
  });

  test('one that was given up before its JOB_CREATED is counted, too', async () => {
    const { jobs, server, send } = await merged(2);
    jobs[0]?.detach();
    server.create(handle, handle);
    send(2, data('a'), data('a'), complete(''));
    expect(await texts(jobs.slice(1))).toEqual(['aa']);
  });

  test('packets of other jobs may come between the copies', async () => {
    const { jobs, server } = await merged(2);
    server.create(handle, handle);
    const other = response('WORK_DATA', { handle: 'H:2', data: Buffer.from('z') });
    server.send(data('a'), other, data('a'), complete('b'), other, complete('b'));
    expect(await texts(jobs)).toEqual(['ab', 'ab']);
  });

  test('all fail together', async () => {
    const { jobs, stories, server, send } = await merged(2);
    server.create(handle, handle);
    send(2, response('WORK_FAIL', { handle }));
    for (const job of jobs) await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_JOB_FAILED' });
    expect(stories).toEqual(all(2, ['submitted', 'created', 'fail']));
  });

  test('all are lost together', async () => {
    const { jobs, server } = await merged(2);
    server.create(handle, handle);
    server.close();
    for (const job of jobs) await expect(job).rejects.toMatchObject({ code: 'ERR_GEARMAN_CONNECTION_LOST' });
  });
});
