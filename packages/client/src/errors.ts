import { ConnectionLostError, type ServerFailure } from '@gearman/pool';
import { GearmanError, type JobRef } from '@gearman/protocol';
import { type RemoteError, readRemoteError } from './remote-error.ts';

/** No job server could be reached in `submitTimeoutMs`. The job was never sent: submit it again whenever you like. */
export class SubmitTimeoutError extends GearmanError {
  override readonly name = 'SubmitTimeoutError';
  readonly code = 'ERR_GEARMAN_SUBMIT_TIMEOUT';
  override readonly retryable = true;
  readonly functionName: string;
  readonly timeoutMs: number;
  /** Each server and why it could not be used. */
  readonly failures: readonly ServerFailure[];

  constructor(functionName: string, timeoutMs: number, failures: readonly ServerFailure[]) {
    const reasons = failures.map(({ server, error }) => error?.message ?? `${server}: still connecting`);
    super(
      `job "${functionName}" was not sent: no job server accepted a connection within ${timeoutMs} ms ` +
        `(${reasons.join('; ')}); is gearmand running?`,
    );
    this.functionName = functionName;
    this.timeoutMs = timeoutMs;
    this.failures = failures;
  }
}

/**
 * The job was sent, and then either no answer came in `createdTimeoutMs` or the connection was lost. Nobody knows
 * whether the server took it: sending it again may run it twice.
 */
export class SubmitUnknownError extends GearmanError {
  override readonly name = 'SubmitUnknownError';
  readonly code = 'ERR_GEARMAN_SUBMIT_UNKNOWN';
  readonly functionName: string;
  /** The server it was sent to, as `host:port`. */
  readonly server: string;

  constructor(functionName: string, server: string, reason: string, options?: ErrorOptions) {
    super(
      `job "${functionName}" was sent to ${server}, but ${reason}; it may or may not run: send it again only if ` +
        'running twice does no harm',
      options,
    );
    this.functionName = functionName;
    this.server = server;
  }
}

/** No result came in time. The job lives on in the server; whatever it still says is ignored. */
export class ResponseTimeoutError extends GearmanError {
  override readonly name = 'ResponseTimeoutError';
  readonly code = 'ERR_GEARMAN_RESPONSE_TIMEOUT';
  readonly timeoutMs: number;
  /** The job; undefined when it was not created yet. */
  readonly ref: JobRef | undefined;

  constructor(functionName: string, timeoutMs: number, ref: JobRef | undefined) {
    const job = ref === undefined ? `job "${functionName}"` : `job "${functionName}" (${ref})`;
    super(`${job} gave no result within ${timeoutMs} ms; it goes on in the server, ask status() about it`);
    this.timeoutMs = timeoutMs;
    this.ref = ref;
  }
}

/** The server has no result of a job: it does not know the job (any more), was not asked to keep it, or it was too large. */
export class NoResultError extends GearmanError {
  override readonly name = 'NoResultError';
  readonly code = 'ERR_GEARMAN_NO_RESULT';
  readonly ref: JobRef;
  readonly reason: 'unknown' | 'not-kept' | 'too-large';

  constructor(ref: JobRef, reason: 'unknown' | 'not-kept' | 'too-large') {
    super(`no result of job ${ref}: ${NO_RESULT[reason]}`);
    this.ref = ref;
    this.reason = reason;
  }
}

const NO_RESULT = {
  unknown: 'the server does not know the job, or does not know it any more',
  'not-kept': 'it is not kept; submit the job with keepResult, or say so for its function in the server',
  'too-large': 'the job completed with more than may be kept; raise maxBytes of keepResult',
} as const;

/** The connection was lost after the job was created, and the result with it. */
export class JobLostError extends ConnectionLostError {
  /** The job, as the lost connection knew it. */
  readonly ref: JobRef;

  constructor(functionName: string, ref: JobRef, cause: Error) {
    const reason = cause instanceof ConnectionLostError ? cause.reason : cause.message;
    super(
      ref.server,
      `${reason}; the result of job "${functionName}" (${ref.handle}) is lost with it, and a worker that has ` +
        'started it goes on; submit it again if running twice does no harm',
      { cause },
    );
    this.ref = ref;
  }
}

/** The worker reported WORK_FAIL, without a reason: Gearman has no place for one. */
export class JobFailedError extends GearmanError {
  override readonly name = 'JobFailedError';
  readonly code = 'ERR_GEARMAN_JOB_FAILED';
  readonly ref: JobRef;

  constructor(functionName: string, ref: JobRef) {
    super(
      `job "${functionName}" (${ref}) failed: the worker, or a server that gave up retrying, said only WORK_FAIL; ` +
        "look into the worker's log",
    );
    this.ref = ref;
  }
}

/** The worker reported an exception. */
export class JobExceptionError extends GearmanError {
  override readonly name = 'JobExceptionError';
  readonly code = 'ERR_GEARMAN_JOB_EXCEPTION';
  readonly ref: JobRef;
  /** What the worker sent. */
  readonly data: Buffer;
  /** The same as UTF-8. */
  readonly text: string;
  /** The error object in the worker, when it sent one as JSON. */
  readonly remote: RemoteError | undefined;

  constructor(functionName: string, ref: JobRef, data: Buffer) {
    const text = new TextDecoder().decode(data);
    const remote = readRemoteError(text);
    const said = remote === undefined ? text : `${remote.name}: ${remote.message}`;
    super(`job "${functionName}" (${ref}) threw in the worker: ${said === '' ? '(no text)' : said}`);
    this.ref = ref;
    this.data = data;
    this.text = text;
    this.remote = remote;
  }
}

/** The caller gave the job up, by its signal or by `detach()`. `cause` is the signal's reason. */
export class JobCancelledError extends GearmanError {
  override readonly name = 'JobCancelledError';
  readonly code = 'ERR_GEARMAN_JOB_CANCELLED';
  /** False when the job had not been sent, so that it never runs. */
  readonly submitted: boolean;

  constructor(functionName: string, how: string, submitted: boolean, options?: ErrorOptions) {
    super(
      `job "${functionName}" ${how}; ${submitted ? 'the server may still run it' : 'it was never sent'}`,
      options,
    );
    this.submitted = submitted;
  }
}

/** The server has as many jobs of this function as it may. Nothing was queued: try again later. */
export class QueueFullError extends GearmanError {
  override readonly name = 'QueueFullError';
  readonly code = 'ERR_GEARMAN_QUEUE_FULL';
  override readonly retryable = true;
  readonly functionName: string;
  /** The server that refused, as `host:port`. */
  readonly server: string;

  constructor(functionName: string, server: string, options?: ErrorOptions) {
    super(
      `${server} refused job "${functionName}": its queue is full (see maxqueue); try again later or add workers`,
      options,
    );
    this.functionName = functionName;
    this.server = server;
  }
}
