import type { Timer } from '@gearman/events';
import {
  type Connection,
  ConnectionLostError,
  type Pool,
  type PoolUser,
  ReplyTimeoutError,
  UnsupportedError,
} from '@gearman/pool';
import { encodeOptions, JobRef, type Packet, request } from '@gearman/protocol';
import { JobExceptionError, JobFailedError, NoResultError, ResponseTimeoutError } from './errors.ts';
import { acquire } from './status.ts';
import { abortable } from './wait-for.ts';

/** Options of `client.result()`. */
export interface ResultOptions {
  /** How long to wait for a job that is not over yet, in milliseconds, at most 10 minutes. @defaultValue 0 */
  readonly waitMs?: number;
  /** Stops waiting and rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** Asks the server of a job for its result. */
export async function queryResult(
  pool: Pool,
  job: JobRef | string,
  { waitMs = 0, signal }: ResultOptions,
): Promise<Buffer> {
  const ref = typeof job === 'string' ? JobRef.parse(job) : job;
  const connection = await acquire(pool, ref.server, signal === undefined ? {} : { signal });
  const query = new Query(pool, connection, ref, waitMs);
  try {
    const { state, data } = await abortable(query.answer(), signal);
    return toResult(ref, state, data, waitMs);
  } finally {
    query.end();
  }
}

type Answer = Packet<'RESULT_RES'>;

/** One question and its answer, which comes among what the server sends by itself. */
class Query implements PoolUser {
  readonly #pool: Pool;
  readonly #connection: Connection;
  readonly #ref: JobRef;
  readonly #waitMs: number;
  /** Comes back behind the state: others may ask about the same job on the same connection. */
  readonly #tag: string;
  #timer: Timer | undefined;
  #detach = (): void => {};
  #fail: (error: Error) => void = () => {};
  #succeed: (answer: Answer) => void = () => {};

  constructor(pool: Pool, connection: Connection, ref: JobRef, waitMs: number) {
    this.#pool = pool;
    this.#connection = connection;
    this.#ref = ref;
    this.#waitMs = waitMs;
    this.#tag = pool.settings.random().toString(36).slice(2);
    pool.hold();
  }

  answer(): Promise<Answer> {
    const { clock, replyTimeoutMs } = this.#pool.settings;
    const { server } = this.#connection;
    const timeoutMs = this.#waitMs + replyTimeoutMs;
    return new Promise((resolve, reject) => {
      [this.#succeed, this.#fail] = [resolve, reject];
      this.#detach = this.#pool.attach(this);
      this.#timer = clock.setTimer(timeoutMs, () =>
        reject(new ReplyTimeoutError(server, 'GET_RESULT', timeoutMs)),
      );
      this.#ask();
    });
  }

  end(): void {
    this.#timer?.cancel();
    this.#detach();
    this.#pool.release();
  }

  onPacket(connection: Connection, packet: Packet): void {
    if (connection !== this.#connection || packet.type !== 'RESULT_RES') return;
    const [state = '', tag] = packet.state.split(' ');
    if (packet.handle !== this.#ref.handle || tag !== this.#tag) return;
    this.#succeed({ ...packet, state, data: connection.own(packet.data) });
  }

  onLost(connection: Connection, error: ConnectionLostError): void {
    if (connection === this.#connection) this.#fail(error);
  }

  #ask(): void {
    const connection = this.#connection;
    const { server, ready } = connection;
    const has = connection.has('x-results', () => this.#ask());
    if (has === true) {
      const options = encodeOptions({ waitMs: this.#waitMs, tag: this.#tag });
      connection.send(request('GET_RESULT', { handle: this.#ref.handle, options }));
    } else if (has === false) {
      const message = `${server} does not know the extension x-results, which client.result() needs`;
      this.#fail(new UnsupportedError(server, 'x-results', undefined, message));
    } else if (!ready) {
      this.#fail(new ConnectionLostError(server, 'it was lost before it could be asked'));
    }
  }
}

/** @throws what the job failed with, or why there is no result */
function toResult(ref: JobRef, state: string, data: Uint8Array, waitMs: number): Buffer {
  const { handle } = ref;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  switch (state) {
    case 'complete':
      return bytes;
    case 'exception':
      throw new JobExceptionError(handle, ref, bytes);
    case 'waiting':
    case 'running':
      throw new ResponseTimeoutError(handle, waitMs, ref);
    case 'unknown':
    case 'not-kept':
    case 'too-large':
      throw new NoResultError(ref, state);
    default:
      throw new JobFailedError(handle, ref);
  }
}
