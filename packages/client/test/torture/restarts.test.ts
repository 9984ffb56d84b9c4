import { getEventListeners, setMaxListeners } from 'node:events';
import {
  freePort,
  type LeakWatch,
  type RawWorker,
  shouldTestGearmand,
  startRawWorker,
  watchLeaks,
} from '@gearman/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Client, createClient, type SubmitOptions } from '../../src/index.ts';
import { type Restartable, restartableGearmand, restartableServer } from './restartable.ts';

/** The whole torture takes half a minute; a part of it runs with every test. */
const WHOLE = process.env['GEARMAN_TORTURE'] === '1';
const JOBS = WHOLE ? 20_000 : 1000;
const RESTARTS = WHOLE ? 50 : 5;
const IN_FLIGHT = 64;

/** What a job may end with when its server was killed: nothing is known, or it is known to be lost. */
const TELLS = new Set(['ERR_GEARMAN_CONNECTION_LOST', 'ERR_GEARMAN_SUBMIT_UNKNOWN']);
const LAST_EVENTS = new Set(['complete', 'fail', 'exception', 'lost', 'timeout', 'cancelled']);

/** The kinds of jobs, and what each is promised. */
const KINDS = {
  /** Nothing tells two of them apart: none is sent twice. */
  plain: (): SubmitOptions => ({}),
  /** Sent again when it is not known whether a server has it; lost with a server that had it. */
  unique: (id: string): SubmitOptions => ({ uniqueId: id }),
  /** Tried until it is done. */
  retried: (id: string): SubmitOptions => ({ uniqueId: id, retries: { limit: 100, minMs: 1, maxMs: 20 } }),
} as const;
type Kind = keyof typeof KINDS;
const ALL_KINDS = Object.keys(KINDS) as Kind[];

let leaks: LeakWatch;
beforeEach(() => {
  leaks = watchLeaks();
});
afterEach(() => leaks.check());

/** Restarts the server, with a worker, again and again, each time `everyJobs` more jobs are over. */
class Torturer {
  readonly #server: Restartable;
  readonly #port: number;
  readonly #everyJobs: number;
  #worker: RawWorker | undefined;
  #over = 0;
  #restarts = 0;
  #restarting: Promise<void> | undefined;

  constructor(server: Restartable, port: number, everyJobs: number) {
    this.#server = server;
    this.#port = port;
    this.#everyJobs = everyJobs;
  }

  get restarts(): number {
    return this.#restarts;
  }

  async start(): Promise<void> {
    await this.#server.start();
    this.#worker = await startRawWorker(this.#port, {
      reverse: (job) => {
        job.data(`${job.text.length}:`);
        job.complete(reverse(job.text));
      },
    });
  }

  jobIsOver(): void {
    this.#over++;
    if (this.#restarts >= RESTARTS || this.#over < (this.#restarts + 1) * this.#everyJobs) return;
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
  }

  async end(): Promise<void> {
    await this.#restarting;
    await this.#worker?.stop();
    await this.#server.end();
  }

  async #restart(): Promise<void> {
    this.#restarts++;
    await this.#server.kill();
    await this.#worker?.stop();
    await this.start();
  }
}

function reverse(text: string): string {
  return [...text].reverse().join('');
}

/** Submits the jobs, and tells what each ended with, by kind. */
async function submitAll(client: Client, torturer: Torturer, signal: AbortSignal) {
  const ends: Record<Kind, string[]> = { plain: [], unique: [], retried: [] };
  let next = 0;
  const one = async (i: number): Promise<void> => {
    const kind = ALL_KINDS[i % ALL_KINDS.length] ?? 'plain';
    const text = `${kind} ${i} `.padEnd(20 + (i % 7) * 100, String(i));
    const job = client.submit('reverse', text, { ...KINDS[kind](`u${i}`), signal });
    let lasts = 0;
    job.on('event', ({ type }) => {
      if (LAST_EVENTS.has(type)) lasts++;
    });
    const result = await job.text().catch((error: Error & { readonly code: string }) => error.code);
    expect(lasts).toBe(1);
    if (!TELLS.has(result)) expect(result).toBe(`${text.length}:${reverse(text)}`);
    ends[kind].push(TELLS.has(result) ? result : 'done');
    torturer.jobIsOver();
  };
  const lane = async (): Promise<void> => {
    while (next < JOBS) await one(next++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  return ends;
}

const count = (ends: readonly string[], end: string): number => ends.filter((other) => other === end).length;

function describeTorture(name: string, restartable: (port: number) => Restartable): void {
  describe(`Client, and ${name} that is killed again and again`, () => {
    test(`${JOBS} jobs and ${RESTARTS} restarts: each ends once, with its own result or an error that says what is known`, {
      timeout: WHOLE ? 600_000 : 30_000,
    }, async () => {
      const port = await freePort();
      const torturer = new Torturer(restartable(port), port, JOBS / (RESTARTS + 1));
      const abort = new AbortController();
      setMaxListeners(IN_FLIGHT, abort.signal);
      const client = createClient({
        servers: `127.0.0.1:${port}`,
        reconnect: { type: 'fixed', minMs: 2 },
        submitTimeoutMs: 60_000,
      });
      const listeners = client.pool.listenerCount('event');
      try {
        await torturer.start();
        const ends = await submitAll(client, torturer, abort.signal);
        expect(torturer.restarts).toBe(RESTARTS);
        expect(ALL_KINDS.map((kind) => ends[kind].length).reduce((a, b) => a + b)).toBe(JOBS);
        // The killing was felt, and no more than those in flight felt it.
        const lost = JOBS - ALL_KINDS.map((kind) => count(ends[kind], 'done')).reduce((a, b) => a + b);
        expect(lost).toBeGreaterThan(0);
        expect(lost).toBeLessThanOrEqual(RESTARTS * IN_FLIGHT);
        expect(count(ends.retried, 'done')).toBe(ends.retried.length);
        expect(count(ends.unique, 'ERR_GEARMAN_SUBMIT_UNKNOWN')).toBe(0);

        expect(client.pending).toBe(0);
        expect(client.pool.connections.map(({ pending }) => pending)).toEqual([0]);
        expect(client.pool.listenerCount('event')).toBe(listeners);
        expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
      } finally {
        await client.close();
        await torturer.end();
      }
    });
  });
}

describeTorture('a job server of ours', restartableServer);
describe.skipIf(!shouldTestGearmand())('Interoperability', () => {
  describeTorture('a gearmand', restartableGearmand);
});
