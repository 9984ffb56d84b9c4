import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Commit, CommitWaiter } from '../engine/ledger.ts';
import { releasePayload, retainPayload } from '../engine/payload.ts';
import type { PayloadFile } from '../engine/payload-file.ts';
import type { Peer, PeerPort } from '../engine/peer.ts';
import type { SubmitRefusal } from '../engine/submission.ts';
import { REFUSALS, storeRefusal } from '../handlers/refusals.ts';
import type { Connection, Connections } from '../net/connections.ts';
import type { LimitName } from '../net/limit-log.ts';
import { Outbox, type OutboxOwner } from '../net/outbox.ts';
import type { Watched } from '../net/progress-watch.ts';
import type { ServerContext } from '../net/server-context.ts';
import type { TurnTask } from '../net/turn.ts';
import { answerShortly, COMMON_HEADERS } from './http-answer.ts';
import { HttpBody, type HttpBodyOwner } from './http-body.ts';
import type { HttpSubmission } from './http-submission.ts';

const NO_BODY = new Uint8Array(0);
/** What a broken connection causes; its closing is what counts. */
const ignore = (): void => {};

/** The answer to a submit that made no job: the client's fault, or the server's. */
const STATUS: { readonly [R in SubmitRefusal]: number } = {
  'unique-too-large': 400,
  'function-too-large': 400,
  'reducer-too-large': 400,
  'unique-in-stream': 400,
  'no-worker': 503,
  'queue-full': 503,
  'too-many-jobs': 503,
  'memory-full': 503,
  'no-memory': 503,
  'too-many-dedup-ids': 503,
  'too-many-functions': 503,
  'shutting-down': 503,
};

/** One request: a client of the engine that submits one job, and answers with what comes of it. */
export class HttpExchange
  implements PeerPort, CommitWaiter, TurnTask, OutboxOwner, Watched, Connection, HttpBodyOwner
{
  readonly #context: ServerContext;
  readonly #connections: Connections;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #submission: HttpSubmission;
  readonly #outbox: Outbox;
  readonly #address: string;
  #body: HttpBody | undefined;
  #peer: Peer | undefined;
  #jobHeaders: OutgoingHttpHeaders = {};
  /** What the answer waits for. */
  #commit: Commit | undefined;
  #ending = false;
  #left = false;
  #inTurn = false;

  constructor(
    context: ServerContext,
    connections: Connections,
    request: IncomingMessage,
    response: ServerResponse,
    address: string,
    submission: HttpSubmission,
  ) {
    this.#context = context;
    this.#connections = connections;
    this.#request = request;
    this.#response = response;
    this.#submission = submission;
    this.#address = address;
    this.#outbox = new Outbox(response, context.output, context.limits, this);
    connections.add(this);
    response.on('close', () => this.#leave());
    response.on('error', ignore);
    request.on('error', ignore);
  }

  get waitingBytes(): number {
    return this.#outbox.sizeBytes;
  }

  /** Reads the body, if there is one to read, and submits. */
  start(): void {
    const { method, headers } = this.#request;
    if (method === 'GET' || method === 'HEAD') {
      this.#request.resume();
      this.bodyComplete(NO_BODY);
    } else if (Number(headers['content-length'] ?? 0) > this.#context.limits.maxPacketBytes) {
      this.bodyTooLarge();
    } else {
      this.#body = new HttpBody(this.#context, this.#request, this);
      this.#context.watch.add(this);
    }
  }

  bodyTooLarge(): void {
    const { limits, limitLog } = this.#context;
    limitLog.note('maxPacketBytes', { address: this.#address });
    const message = `the body may have ${limits.maxPacketBytes} bytes`;
    this.#refuse(413, 'ARGUMENT_TOO_LARGE', message);
  }

  get bodyUse(): HttpBodyOwner['bodyUse'] {
    const { uniqueId, background } = this.#submission;
    return { isKey: uniqueId === '-', isDurable: background };
  }

  bodyFailed(error: Error): void {
    const { code, text } = storeRefusal(error);
    this.#refuse(503, code, text);
  }

  bodyComplete(workload: Uint8Array | PayloadFile): void {
    const { engine, turn } = this.#context;
    turn.begin();
    this.#peer = engine.connect(this, this.#address, true);
    this.#submit(this.#peer, workload);
  }

  #submit(peer: Peer, workload: Uint8Array | PayloadFile): void {
    const { engine, limitLog } = this.#context;
    const job = engine.submit(peer, { ...this.#submission, workload, runAtMs: 0, reducer: undefined });
    if (typeof job === 'string') {
      const { error, limit } = REFUSALS[job];
      if (limit !== undefined) limitLog.note(limit, { address: this.#address });
      this.#refuse(STATUS[job], error.code, error.text);
      return;
    }
    if (typeof job === 'number') {
      this.#joinParked(peer, workload, job);
      return;
    }
    this.#jobHeaders = { 'X-Gearman-Job-Handle': engine.handleOf(job) };
    if (!this.#submission.background) {
      if (job.state === 'ended') engine.results.tell(this, job.number, engine.handleOf(job));
      return;
    }
    const { commit } = job;
    if (typeof commit === 'object') {
      this.#commit = commit;
      commit.waiters.add(this);
    } else {
      this.#answer('JOB_CREATED', NO_BODY);
    }
  }

  /** Submits again when the job with which it merges is back, if it waits for its result. */
  #joinParked(peer: Peer, workload: Uint8Array | PayloadFile, number: number): void {
    const { engine, turn } = this.#context;
    if (this.#submission.background) {
      this.#jobHeaders = { 'X-Gearman-Job-Handle': engine.handlePrefix + number };
      this.#answer('JOB_CREATED', NO_BODY);
      return;
    }
    retainPayload(workload);
    const submitAgain = (): void => {
      if (!this.#left) this.#submit(peer, workload);
      releasePayload(workload);
    };
    engine.parking?.recall(number, { goOn: () => turn.add({ endTurn: submitAgain }) });
  }

  // What the engine says

  decided(): void {
    if (this.#left) return;
    const outcome = this.#commit?.outcome;
    if (!(outcome instanceof Error)) {
      this.#answer('JOB_CREATED', NO_BODY);
      return;
    }
    const { code, text } = storeRefusal(outcome);
    this.#jobHeaders = {};
    this.#refuse(503, code, text);
  }

  data(_handle: string, data: Uint8Array): void {
    if (this.#request.method === 'HEAD' || this.#ending) return;
    if (!this.#response.headersSent) {
      const canTrail = this.#request.httpVersion !== '1.0';
      const trailer = canTrail ? { Trailer: 'X-Gearman-Command' } : {};
      this.#response.writeHead(200, this.#resultHeaders('WORK_DATA', trailer));
    }
    this.#outbox.writeBytes(data);
    this.#joinTurn();
  }

  complete(_handle: string, data: Uint8Array): void {
    this.#answer('WORK_COMPLETE', data);
  }

  fail(): void {
    this.#fail('WORK_FAIL', 'the job failed, or was cancelled');
  }

  exception(_handle: string, data: Uint8Array): void {
    this.#fail('WORK_EXCEPTION', Buffer.from(data).toString('utf8'));
  }

  // There is no place in the answer for the rest.
  noop(): void {}
  warning(): void {}
  status(): void {}
  settled(): void {}

  // What the outbox tells

  congested(): void {
    this.#context.congestion.begin(this);
    this.#context.watch.add(this);
  }

  relieved(): void {
    this.#context.congestion.end(this);
  }

  // Limits

  get watched(): boolean {
    return this.#body !== undefined || this.#outbox.congested;
  }

  checkProgress(now: number): void {
    const { messageTimeoutMs, stallTimeoutMs } = this.#context.limits;
    if (this.#body !== undefined && this.#body.lateMs(now) > messageTimeoutMs) {
      this.expel(`sent a body for ${messageTimeoutMs} ms while memory was short`, 'messageTimeoutMs');
    } else if (this.#outbox.stalledMs(now) > stallTimeoutMs) {
      this.expel(`read nothing of its answer for ${stallTimeoutMs} ms`, 'stallTimeoutMs');
    }
  }

  /** Waiting for a result is not idle, and what comes between requests is the HTTP server's matter. */
  countIdle(): number {
    return 0;
  }

  end(reason: string): void {
    if (this.#response.headersSent) this.#response.destroy();
    else this.#refuse(503, 'SHUTTING_DOWN', reason, { Connection: 'close' });
  }

  abandoned(): void {
    this.#response.destroy();
  }

  expel(problem: string, limit: LimitName): void {
    this.#context.limitLog.note(limit, { address: this.#address }, `an HTTP client ${problem}`);
    this.#response.destroy();
  }

  endTurn(): void {
    this.#inTurn = false;
    if (this.#left) return;
    if (this.#outbox.overflown) {
      this.expel(`left ${this.#outbox.sizeBytes} bytes unread`, 'outboxHardBytes');
      return;
    }
    this.#outbox.flush();
    if (this.#ending) this.#outbox.end();
  }

  #answer(command: string, body: Uint8Array): void {
    if (this.#ending) return;
    this.#ending = true;
    if (!this.#response.headersSent) {
      this.#response.writeHead(200, this.#resultHeaders(command, { 'Content-Length': body.length }));
    } else if (this.#request.httpVersion !== '1.0') {
      this.#response.addTrailers({ 'X-Gearman-Command': command });
    }
    if (body.length > 0 && this.#request.method !== 'HEAD') this.#outbox.writeBytes(body);
    this.#joinTurn();
  }

  #fail(command: string, message: string): void {
    // A part of the result is on its way with status 200; cut off, nobody takes it for the whole.
    if (this.#response.headersSent) this.#response.socket?.resetAndDestroy();
    else this.#refuse(502, command, message, { ...this.#jobHeaders, 'X-Gearman-Command': command });
  }

  #refuse(status: number, error: string, message: string, headers: OutgoingHttpHeaders = {}): void {
    if (this.#response.headersSent) return;
    this.#ending = true;
    answerShortly(this.#response, status, headers, { error, message });
  }

  #resultHeaders(command: string, headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
    return {
      ...COMMON_HEADERS,
      ...this.#jobHeaders,
      'X-Gearman-Command': command,
      'Content-Type': 'application/octet-stream',
      ...headers,
    };
  }

  /** The answer has been sent, or the client is gone: a job that only it waited for is given up. */
  #leave(): void {
    const { engine, turn, watch, congestion } = this.#context;
    turn.begin();
    this.#left = true;
    this.#ending = true;
    this.#body?.drop();
    this.#body = undefined;
    this.#outbox.drop();
    watch.delete(this);
    congestion.end(this);
    this.#connections.delete(this);
    if (this.#peer !== undefined) engine.disconnect(this.#peer);
  }

  #joinTurn(): void {
    if (this.#inTurn) return;
    this.#inTurn = true;
    this.#context.turn.add(this);
  }
}
