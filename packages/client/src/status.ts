import type { Connection, Pool } from '@gearman/pool';
import {
  InvalidArgumentError,
  JobRef,
  type Packet,
  request,
  toJobHandle,
  toUniqueId,
} from '@gearman/protocol';
import { toFraction, toNumber } from './numbers.ts';
import { abortable } from './wait-for.ts';

/** What servers say about a job. */
export interface JobStatus {
  /** False for a job that never existed and for one that is over: nobody can tell them apart. */
  readonly known: boolean;
  /** True while a worker has it. */
  readonly running: boolean;
  /** Progress as its worker reported it; 0 of 0 when it never did. */
  readonly numerator: number;
  readonly denominator: number;
  /** `numerator / denominator`; 0 when the denominator is 0. */
  readonly fraction: number;
  /** The servers that know it, as `host:port`. */
  readonly servers: readonly string[];
}

/** What servers say about the job with a unique id. */
export interface UniqueJobStatus extends JobStatus {
  /** How many foreground submits wait for its result; 0 for a background job. */
  readonly clients: number;
}

/** How to wait for an answer. */
export interface QueryOptions {
  /** Time for a server to connect and for its answer, each, in milliseconds. @defaultValue the pool's `replyTimeoutMs` */
  readonly timeoutMs?: number;
  /** Stops waiting and rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** Asks the server of a reference, or with a bare handle every server that is connected. */
export async function queryStatus(
  pool: Pool,
  job: JobRef | string,
  options: QueryOptions,
): Promise<JobStatus> {
  const target = typeof job === 'string' && job.includes('//') ? JobRef.parse(job) : job;
  const packet = request('GET_STATUS', {
    handle: toJobHandle(typeof target === 'string' ? target : target.handle),
  });
  const connections =
    typeof target === 'string'
      ? await acquireAll(pool, options)
      : [await acquire(pool, target.server, options)];
  return mostAdvanced(
    await askAll(connections, options, (connection) => connection.ask(packet, options.timeoutMs)),
  );
}

/** Asks for many jobs at once, all requests of one server in one write; the answers are in their order. */
export function queryStatuses(
  pool: Pool,
  jobs: readonly (JobRef | string)[],
  options: QueryOptions,
): Promise<JobStatus[]> {
  return Promise.all(jobs.map((job) => queryStatus(pool, job, options)));
}

/** Asks every server that is connected. */
export async function queryStatusByUnique(
  pool: Pool,
  uniqueId: string,
  options: QueryOptions,
): Promise<UniqueJobStatus> {
  const packet = request('GET_STATUS_UNIQUE', { uniqueId: toUniqueId(uniqueId) });
  const connections = await acquireAll(pool, options);
  const answers = await askAll(connections, options, (connection) =>
    connection.ask(packet, options.timeoutMs),
  );
  const clients = answers.reduce((sum, { reply }) => sum + toNumber(reply.clients), 0);
  return { ...mostAdvanced(answers), clients };
}

/** A ready connection: to `server`, or to any. */
export async function acquire(
  pool: Pool,
  server: string | undefined,
  { timeoutMs = pool.settings.replyTimeoutMs, signal }: QueryOptions,
): Promise<Connection> {
  const wait = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
  if (server === undefined) return pool.acquire(wait);
  if (pool.connection(server) !== undefined) return pool.acquire({ ...wait, server });
  const known = pool.servers.map((state) => state.server).join(', ');
  throw new InvalidArgumentError(`${server} is not one of this client's servers (${known})`);
}

/** Every ready connection; waits for the first if need be. */
async function acquireAll(pool: Pool, options: QueryOptions): Promise<readonly Connection[]> {
  await acquire(pool, undefined, options);
  return pool.connections.filter(({ ready }) => ready);
}

interface Answer<P> {
  readonly server: string;
  readonly reply: P;
}

/** What each server answers. One that fails is left out, unless all do. */
async function askAll<P>(
  connections: readonly Connection[],
  { signal }: QueryOptions,
  ask: (connection: Connection) => Promise<P>,
): Promise<Answer<P>[]> {
  const asked = Promise.allSettled(
    connections.map(async (connection) => ({ server: connection.server, reply: await ask(connection) })),
  );
  const outcomes = await abortable(asked, signal);
  const answers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  if (answers.length === 0 && failure !== undefined) throw failure.reason;
  return answers;
}

type StatusAnswer = Answer<Packet<'STATUS_RES' | 'STATUS_RES_UNIQUE'>>;

/** Handles repeat between servers: the one that is furthest is taken for the job that was meant. */
function mostAdvanced(answers: readonly StatusAnswer[]): JobStatus {
  const known = answers.filter(({ reply }) => reply.known === '1');
  const servers = known.map(({ server }) => server);
  const all = known.map(({ reply }) => {
    const numerator = toNumber(reply.numerator);
    const denominator = toNumber(reply.denominator);
    const fraction = toFraction(numerator, denominator);
    return { known: true, running: reply.running === '1', numerator, denominator, fraction, servers };
  });
  return all.reduce((best, status) => (status.fraction > best.fraction ? status : best), all[0] ?? UNKNOWN);
}

const UNKNOWN: JobStatus = {
  known: false,
  running: false,
  numerator: 0,
  denominator: 0,
  fraction: 0,
  servers: [],
};
