import { response } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import { createFakeWorker, type FakeWorker, said } from '../support/fake-worker.ts';

/**
 * A conversation with one server: what happens, and what the worker says then.
 *
 * `connect`, `lose`; `JOB` assigns one of `f`, `TIMED` one of a function with a time limit; `done N` ends the handler
 * of job N; `+N` lets N ms pass; anything else is a packet.
 */
type Step = readonly [happens: string, says: string];

interface Conversation {
  readonly title: string;
  readonly concurrency?: number;
  readonly steps: readonly Step[];
}

const GRAB = 'GRAB_JOB_ALL';
const CONNECT: Step = ['connect', `CAN_DO CAN_DO_TIMEOUT ${GRAB}`];

const conversations: readonly Conversation[] = [
  {
    title: 'sleeps when there is no job, and asks again when woken',
    steps: [CONNECT, ['NO_JOB', 'PRE_SLEEP'], ['NOOP', GRAB], ['NO_JOB', 'PRE_SLEEP']],
  },
  {
    title: 'asks for the next job in the write that ends the last one',
    steps: [CONNECT, ['JOB', ''], ['done 1', `WORK_COMPLETE(1) ${GRAB}`], ['NO_JOB', 'PRE_SLEEP']],
  },
  {
    title: 'does not ask while its only slot is taken',
    steps: [CONNECT, ['JOB', ''], ['NOOP', ''], ['+60000', ''], ['done 1', `WORK_COMPLETE(1) ${GRAB}`]],
  },
  {
    title: 'never has more requests in flight than free slots, one more after each job',
    concurrency: 4,
    steps: [
      CONNECT,
      ['JOB', `${GRAB} ${GRAB}`],
      ['JOB', GRAB],
      ['JOB', ''],
      ['JOB', ''],
      ['done 2', `WORK_COMPLETE(2) ${GRAB}`],
      ['JOB', ''],
      ['done 1 done 3', `WORK_COMPLETE(1) ${GRAB} WORK_COMPLETE(3) ${GRAB}`],
    ],
  },
  {
    title: 'sleeps only when the last request in flight has been answered',
    concurrency: 4,
    steps: [CONNECT, ['JOB', `${GRAB} ${GRAB}`], ['NO_JOB', ''], ['NO_JOB', 'PRE_SLEEP']],
  },
  {
    title: 'asks on when a job came after a NO_JOB',
    concurrency: 4,
    steps: [CONNECT, ['JOB', `${GRAB} ${GRAB}`], ['NO_JOB', ''], ['JOB', `${GRAB} ${GRAB}`]],
  },
  {
    title: 'does not take a stale NOOP for the answer to its request',
    steps: [CONNECT, ['NOOP NOOP', ''], ['NO_JOB', 'PRE_SLEEP'], ['NOOP', GRAB], ['NOOP', ''], ['JOB', '']],
  },
  {
    title: 'sleeps with a job running when slots are free, and leaves the sleeping to the end of that job',
    concurrency: 2,
    steps: [CONNECT, ['JOB', GRAB], ['NO_JOB', 'PRE_SLEEP'], ['done 1', 'WORK_COMPLETE(1)'], ['NOOP', GRAB]],
  },
  {
    title: 'asks by itself after the poll interval, for the wake-up that never came',
    steps: [CONNECT, ['NO_JOB', 'PRE_SLEEP'], ['+9999', ''], ['+1', GRAB], ['NO_JOB', 'PRE_SLEEP']],
  },
  {
    title: 'says everything again on a new connection, and asks anew',
    concurrency: 2,
    steps: [
      CONNECT,
      ['JOB', GRAB],
      ['lose', ''],
      ['+20', ''],
      ['connect', `CAN_DO CAN_DO_TIMEOUT ${GRAB}`],
      ['done 1', ''],
      ['JOB', GRAB],
    ],
  },
  {
    title: 'gets along without GRAB_JOB_ALL and GRAB_JOB_UNIQ',
    steps: [
      CONNECT,
      ['ERROR', 'GRAB_JOB_UNIQ'],
      ['ERROR', 'GRAB_JOB'],
      ['PLAIN', ''],
      ['done 1', 'WORK_COMPLETE(1) GRAB_JOB'],
      ['NO_JOB', 'PRE_SLEEP'],
    ],
  },
  {
    title: 'does not storm a server that refuses every request',
    steps: [
      CONNECT,
      ['ERROR', 'GRAB_JOB_UNIQ'],
      ['ERROR', 'GRAB_JOB'],
      ['ERROR', 'PRE_SLEEP'],
      ['+10000', 'GRAB_JOB'],
    ],
  },
  {
    title: 'drops a connection on which a request is never answered, and connects again',
    steps: [CONNECT, ['+9999', ''], ['+1', ''], ['+20', ''], ['connect', `CAN_DO CAN_DO_TIMEOUT ${GRAB}`]],
  },
  {
    title: 'asks instead of sleeping while the timer of a running job would be cancelled by it',
    concurrency: 2,
    steps: [
      CONNECT,
      ['TIMED', GRAB],
      ['NO_JOB', ''],
      ['+250', GRAB],
      ['NO_JOB', ''],
      ['done 1', `WORK_COMPLETE(1) ${GRAB}`],
      ['NO_JOB', 'PRE_SLEEP'],
    ],
  },
  {
    title: 'sleeps while a timed job runs whose timer an earlier one has spoiled',
    concurrency: 3,
    steps: [
      CONNECT,
      ['TIMED', `${GRAB} ${GRAB}`],
      ['TIMED', ''],
      ['done 1', `WORK_COMPLETE(1) ${GRAB}`],
      ['NO_JOB NO_JOB', 'PRE_SLEEP'],
    ],
  },
];

describe('GrabLoop', () => {
  test.each(conversations)('$title', async ({ concurrency = 1, steps }) => {
    const fake = createFakeWorker({ concurrency });
    const director = new Director(fake);
    void fake.worker.start();
    for (const [index, [happens, says]] of steps.entries()) {
      for (const event of happens.split(/ (?=\D)/)) await director.play(event);
      const actual = await said(fake.net.peer());
      expect([index, happens, actual]).toEqual([index, happens, says]);
    }
    const status = fake.worker.status();
    expect(status.running).toBeLessThanOrEqual(concurrency);
    director.endAll();
    await fake.worker.stop({ timeoutMs: 0 });
    expect(fake.clock.nextTimerInMs).toBeUndefined();
  });

  test('pauses when wake-ups bring nothing, again and again', async () => {
    const fake = createFakeWorker();
    fake.worker.register('f', () => '');
    const started = fake.worker.start();
    fake.peer.accept();
    await started;
    const noJob = response('NO_JOB', {});
    const noop = response('NOOP', {});
    await said(fake.peer);
    fake.peer.send(noJob);
    let grabs = 0;
    // gearmand 1.1.20 with an epoch job at the head of a queue answers like this for as long as it takes.
    for (let i = 0; i < 1000; i++) {
      const words = await said(fake.peer);
      if (words.includes('PRE_SLEEP')) fake.peer.send(noop);
      else if (words.includes('GRAB')) {
        grabs++;
        fake.peer.send(noJob);
      } else fake.clock.advance(1);
    }
    expect(grabs).toBeLessThan(60);
    await fake.worker.stop({ timeoutMs: 0 });
  });

  test('writes the ends of many jobs and the next requests at once', async () => {
    const fake = createFakeWorker({ concurrency: 16 });
    fake.worker.register('f', (job) => job.payload);
    const started = fake.worker.start();
    fake.peer.accept();
    await started;
    await said(fake.peer);
    for (const inFlight of [1, 2, 4, 8, 16, 16]) {
      const before = fake.peer.writes;
      for (let i = 0; i < inFlight; i++) fake.peer.assign('f', 'x');
      const words = (await said(fake.peer)).split(' ');
      expect(fake.peer.writes - before).toBe(1);
      expect(words.filter((each) => each.startsWith('WORK_COMPLETE'))).toHaveLength(inFlight);
      expect(words.filter((each) => each.startsWith('GRAB'))).toHaveLength(Math.min(inFlight * 2, 16));
    }
    await fake.worker.stop({ timeoutMs: 0 });
  });
});

/** Plays the steps of a conversation. */
class Director {
  readonly #fake: FakeWorker;
  readonly #ends: (() => void)[] = [];

  constructor(fake: FakeWorker) {
    this.#fake = fake;
    const handler = (): Promise<void> => new Promise((resolve) => this.#ends.push(resolve));
    fake.worker.register('f', handler);
    fake.worker.register('timed', handler, { timeoutMs: 60_000 });
  }

  async play(event: string): Promise<void> {
    const peer = this.#fake.net.peer();
    const [word = '', argument] = event.split(' ');
    if (word === 'connect') peer.accept();
    else if (word === 'lose') peer.close();
    else if (word === 'JOB') peer.assign('f');
    else if (word === 'TIMED') peer.assign('timed');
    else if (word === 'PLAIN') {
      const workload = new Uint8Array(0);
      peer.send(response('JOB_ASSIGN', { handle: 'H:1', functionName: 'f', workload }));
    } else if (word === 'ERROR') {
      peer.send(response('ERROR', { code: 'INVALID_COMMAND', text: 'Command not expected' }));
    } else if (word === 'NO_JOB') peer.send(response('NO_JOB', {}));
    else if (word === 'NOOP') peer.send(response('NOOP', {}));
    else if (word === 'done') {
      this.#ends[Number(argument) - 1]?.();
      // The promise chain of the handler.
      await new Promise((resolve) => process.nextTick(resolve));
    } else if (word.startsWith('+')) this.#fake.clock.advance(Number(word.slice(1)));
    else throw new Error(`what is "${event}"?`);
  }

  endAll(): void {
    for (const end of this.#ends) end();
  }
}
