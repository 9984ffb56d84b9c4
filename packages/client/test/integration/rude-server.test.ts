import { encodePacket, response } from '@gearman/protocol';
import {
  type FakeServer,
  fakeServer,
  jobServer,
  type LeakWatch,
  type Rudeness,
  rude,
  startRawWorker,
  watchLeaks,
} from '@gearman/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Client, type ClientOptions, createClient, type SubmitOptions } from '../../src/index.ts';

let leaks: LeakWatch;
beforeEach(() => {
  leaks = watchLeaks();
});
afterEach(() => leaks.check());

/** Where a job of two parts is when the server is rude: instead of which packet. */
const STATES = {
  'before it is created': 'JOB_CREATED',
  'after it was created': 'WORK_DATA',
  'while data comes': 'WORK_COMPLETE',
} as const;
type State = keyof typeof STATES;
const ALL = Object.keys(STATES) as State[];

const UNKNOWN = 'ERR_GEARMAN_SUBMIT_UNKNOWN';
const LOST = 'ERR_GEARMAN_CONNECTION_LOST';
const FULL = 'ERR_GEARMAN_QUEUE_FULL';
const LATE = 'ERR_GEARMAN_RESPONSE_TIMEOUT';
/** What comes of a job whose connection ends: by state. */
const CONNECTION_ENDS = [UNKNOWN, LOST, LOST] as const;

/** An honest server and a worker whose jobs say `a`, then `b`. */
async function stage(options: ClientOptions = {}) {
  const server = await fakeServer(jobServer());
  const worker = await startRawWorker(server.port, {
    ab: (job) => {
      job.data('a');
      job.complete('b');
    },
  });
  const workers = server.peers.size;
  const client = createClient({ servers: server.server, reconnect: { type: 'fixed', minMs: 1 }, ...options });
  return {
    server,
    client,
    /** Resets the connection of the client, and resolves when the client knows. */
    async reset(): Promise<void> {
      const lost = new Promise((resolve) => client.once('disconnect', resolve));
      for (const peer of [...server.peers].slice(workers)) peer.reset();
      await lost;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await client.close();
      await worker.stop();
      await server.stop();
    },
  };
}

/** What became of a job: its result, or the code of its error. */
async function outcome(client: Client, options?: SubmitOptions): Promise<string> {
  const result = await client.trySubmit('ab', '', options);
  return result.ok ? Buffer.from(result.value).toString() : result.error.code;
}

async function becomesOf(server: FakeServer, client: Client, state: State, act: Rudeness): Promise<string> {
  const rudenessDone = new Promise<void>((resolve) => {
    server.insteadOfNext(STATES[state], (peer, packet) => {
      act(peer, packet);
      resolve();
    });
  });
  const became = await outcome(client);
  // A job that was given up may be over before.
  await rudenessDone;
  return became;
}

/** The lengths of the packets that {@link STATES} names, as the fake job server sends them. */
const LENGTHS: Readonly<Record<State, number>> = {
  'before it is created': sizeOf(response('JOB_CREATED', { handle: 'H:fake:1' })),
  'after it was created': sizeOf(response('WORK_DATA', { handle: 'H:fake:1', data: Buffer.from('a') })),
  'while data comes': sizeOf(response('WORK_COMPLETE', { handle: 'H:fake:1', data: Buffer.from('b') })),
};

function sizeOf(packet: Parameters<typeof encodePacket>[0]): number {
  return Buffer.concat(encodePacket(packet)).length;
}

describe.each(ALL)('Client, and a server that ends the connection %s', (state) => {
  const expected = CONNECTION_ENDS[ALL.indexOf(state)];

  test.each(Array.from({ length: LENGTHS[state] }, (_, at) => at))(
    'at byte %d: the job says so, and the next one works',
    async (at) => {
      await using it = await stage();
      expect(await becomesOf(it.server, it.client, state, rude.closeAt(at))).toBe(expected);
      expect(await becomesOf(it.server, it.client, state, rude.resetAt(at))).toBe(expected);
      expect(await outcome(it.client)).toBe('ab');
      expect(it.client.pending).toBe(0);
    },
  );
});

const GARBAGE: readonly (readonly [name: string, act: Rudeness])[] = [
  ['the answer of a web server', rude.garbage()],
  ['bytes without sense', rude.garbage(Buffer.from([0, 1, 2, 3, 4]))],
  ['a packet of 4 GiB', rude.oversize(0xffffffff)],
  ['a packet without its arguments', rude.garbage('\0RES\0\0\0\x0c\0\0\0\x02ab')],
  ['a request', rude.garbage('\0REQ\0\0\0\x10\0\0\0\0')],
  ['an answer to something else', rude.instead(response('NO_JOB', {}))],
];

/**
 * A job's fate in the three states of {@link ALL}, for what is not the end of the connection. What nobody can notice,
 * such as a part that never comes, is no error.
 */
const FATES: readonly (readonly [name: string, act: Rudeness, ...fates: [string, string, string]])[] = [
  ['the packet byte by byte', rude.dribble(), 'ab', 'ab', 'ab'],
  ['a NOOP first', rude.after(response('NOOP', {})), 'ab', 'ab', 'ab'],
  [
    'the result of a job of somebody else first',
    rude.after(response('WORK_COMPLETE', { handle: 'H:x:1', data: Buffer.from('x') })),
    ...(['ab', 'ab', 'ab'] as const),
  ],
  ['a packet of a later protocol first', unknownFirst(), 'ab', 'ab', 'ab'],
  ['an ERROR', rude.error(), 'ERR_GEARMAN_SERVER', 'b', LATE],
  ['the ERROR of a full queue', rude.error('QUEUE_ERROR', 'Job queue is full'), FULL, 'b', LATE],
  ['nothing', rude.silent(), UNKNOWN, 'b', LATE],
  ['nothing, ever again', rude.halfOpen(), UNKNOWN, LATE, LATE],
  ['another handle', rude.otherHandle(), LATE, 'b', LATE],
  ['the packet twice', rude.twice(), LOST, 'aab', 'ab'],
];

function unknownFirst(): Rudeness {
  return (peer, packet) => {
    peer.sendBytes('\0RES\0\0\x01\0\0\0\0\x03new');
    rude.dribble()(peer, packet);
  };
}

describe.each(ALL)('Client, and a server that sends %s', (state) => {
  test.each(GARBAGE)('%s: drops the connection, and the next job works', async (_, act) => {
    await using it = await stage();
    const errors: string[] = [];
    it.client.on('protocol-error', ({ error }) => errors.push(error.code));
    expect(await becomesOf(it.server, it.client, state, act)).toBe(CONNECTION_ENDS[ALL.indexOf(state)]);
    expect(await outcome(it.client)).toBe('ab');
    expect(errors).toEqual(['ERR_GEARMAN_PROTOCOL']);
    expect(it.client.pending).toBe(0);
  });

  test.each(FATES)('%s: the job ends as it must, and the next one works', async (_, act, ...fates) => {
    const fate = fates[ALL.indexOf(state)];
    // Only where nothing else can end the job, so that a slow machine changes nothing.
    const isLate = fate === LATE || fate === UNKNOWN;
    await using it = await stage({
      ...(fate === LATE && { responseTimeoutMs: 20 }),
      ...(fate === UNKNOWN && { createdTimeoutMs: 20 }),
    });
    expect(await becomesOf(it.server, it.client, state, act)).toBe(fate);
    if (isLate) await it.reset();
    expect(await outcome(it.client, { createdTimeoutMs: 10_000, responseTimeoutMs: 10_000 })).toBe('ab');
    expect(it.client.pending).toBe(0);
  });
});

describe('Client, and a server that answers', () => {
  test('before the request is there: the job is created, and lost with the second answer', async () => {
    const honest = jobServer();
    let early = false;
    await using server = await fakeServer({
      ...honest,
      onMessage: (peer, message) => honest.onMessage?.(peer, message),
      onClose: (peer) => honest.onClose?.(peer),
      onPartial: (peer) => {
        if (early) return;
        early = true;
        peer.send(response('JOB_CREATED', { handle: 'H:fake:1' }));
      },
    });
    await using client = createClient({ servers: server.server, reconnect: { type: 'fixed', minMs: 1 } });
    const job = client.submit('f', new Uint8Array(8 * 2 ** 20));
    expect((await job.created).handle).toBe('H:fake:1');
    await expect(job).rejects.toMatchObject({ code: LOST });
    expect((await client.submitBackground('f')).handle).toBe('H:fake:2');
  });

  test.each([
    ['nothing', {}],
    ['a unique id each', { generateUnique: true }],
  ])('one of two jobs twice, which have %s: neither gets the result of the other', async (_, options) => {
    await using server = await fakeServer();
    await using client = createClient({
      servers: server.server,
      exceptions: false,
      reconnect: { type: 'fixed', minMs: 1 },
    });
    const jobs = [client.trySubmit('f', '1', options), client.trySubmit('f', '2', options)];
    const peer = await server.peer();
    await peer.expect('SUBMIT_JOB');
    await peer.expect('SUBMIT_JOB');
    const created = response('JOB_CREATED', { handle: 'H:1' });
    peer.send(created, created, response('WORK_COMPLETE', { handle: 'H:1', data: Buffer.from('1') }));
    await server.until(() => server.accepted === 2);
    expect(await Promise.all(jobs)).toMatchObject([{ error: { code: LOST } }, { error: { code: UNKNOWN } }]);
  });
});

describe('Client, and a server that is rude to a background job', () => {
  test.each<[string, Rudeness, string]>([
    ['closes in the middle of its answer', rude.closeAt(15), UNKNOWN],
    ['resets the connection instead', rude.resetAt(0), UNKNOWN],
    ['answers something else', rude.instead(response('NO_JOB', {})), UNKNOWN],
    ['answers garbage', rude.garbage(), UNKNOWN],
    ['refuses', rude.error(), 'ERR_GEARMAN_SERVER'],
    ['has no room', rude.error('QUEUE_ERROR', 'Job queue is full'), FULL],
  ])('%s: rejects, and the next one works', async (_, act, code) => {
    await using it = await stage();
    it.server.insteadOfNext('JOB_CREATED', act);
    await expect(it.client.submitBackground('later')).rejects.toMatchObject({ code });
    expect((await it.client.submitBackground('later')).handle).toBe('H:fake:2');
  });
});
