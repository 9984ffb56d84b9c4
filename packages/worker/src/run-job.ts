import type { Clock, Logger } from '@gearman/events';
import { ConnectionLostError, type PoolSettings } from '@gearman/pool';
import { decodeText, type GearmanError, request } from '@gearman/protocol';
import { JobTimeoutError } from './errors.ts';
import type { ExceptionFormat } from './exception.ts';
import type { FunctionTable } from './function-table.ts';
import type { AssignPacket, GrabHost, GrabLoop } from './grab-loop.ts';
import { type JobHost, RunningJob } from './job.ts';
import type { WorkerSettings } from './options.ts';
import { isThenable } from './result.ts';
import { Slots } from './slots.ts';
import type { EventSink } from './worker-events.ts';

/** What a runner works with. */
export interface RunnerParts {
  readonly functions: FunctionTable;
  readonly events: EventSink;
  /** The handler of a job has ended, or a loop came to a pause: what waits for that may go on. */
  readonly onQuiet: (loop: GrabLoop) => void;
}

/** Turns assigned jobs into calls of handlers, and what these bring into packets and events. */
export class JobRunner implements GrabHost, JobHost {
  readonly slots: Slots;
  readonly clock: Clock;
  readonly random: () => number;
  readonly pollIntervalMs: number;
  readonly exceptionFormat: ExceptionFormat;
  readonly maxPacketBytes: number;
  readonly #functions: FunctionTable;
  readonly #logger: Logger;
  readonly #events: EventSink;
  readonly #onQuiet: (loop: GrabLoop) => void;
  #finished = 0;
  #unfinished = 0;

  constructor(settings: Required<WorkerSettings>, pool: PoolSettings, parts: RunnerParts) {
    this.slots = new Slots(settings.concurrency);
    this.clock = pool.clock;
    this.random = pool.random;
    this.pollIntervalMs = settings.pollIntervalMs;
    this.exceptionFormat = settings.exceptionFormat;
    this.maxPacketBytes = pool.maxPacketBytes;
    this.#logger = pool.logger;
    this.#functions = parts.functions;
    this.#events = parts.events;
    this.#onQuiet = parts.onQuiet;
  }

  /** Jobs whose end the server has been told. */
  get finished(): number {
    return this.#finished;
  }

  /** Jobs that ended without: the server gives them to another worker. */
  get unfinished(): number {
    return this.#unfinished;
  }

  onAssign(loop: GrabLoop, packet: AssignPacket): void {
    const entry = this.#functions.get(packet.functionName);
    if (entry === undefined) {
      this.#refuse(loop, packet);
      return;
    }
    if (entry.timeoutMs !== undefined) loseEarlierAttempt(loop, packet.handle, entry.timeoutMs);
    const job = new RunningJob(entry, packet, loop, this);
    loop.onJobStart(job);
    if (this.#events.wants('job-start')) this.#events.emit({ type: 'job-start', job });
    this.#call(job);
  }

  onPause(loop: GrabLoop): void {
    this.#onQuiet(loop);
  }

  onProgress(job: RunningJob, numerator: number, denominator: number): void {
    if (!this.#events.wants('job-progress')) return;
    this.#events.emit({ type: 'job-progress', job, numerator, denominator });
  }

  onComplete(job: RunningJob, resultBytes: number): void {
    if (this.#events.wants('job-complete')) this.#events.emit({ type: 'job-complete', job, resultBytes });
  }

  onFail(job: RunningJob, reason: string | undefined): void {
    if (this.#events.wants('job-fail')) this.#events.emit({ type: 'job-fail', job, reason });
  }

  onException(job: RunningJob, error: unknown): void {
    const { functionName, handle, server } = job;
    this.#logger.error({ functionName, handle, server, error }, 'job ended with an exception');
    if (this.#events.wants('job-exception')) this.#events.emit({ type: 'job-exception', job, error });
  }

  onLost(job: RunningJob, error: GearmanError): void {
    if (this.#events.wants('job-lost')) this.#events.emit({ type: 'job-lost', job, error });
  }

  onTimeout(job: RunningJob, error: JobTimeoutError): void {
    if (this.#events.wants('job-timeout')) this.#events.emit({ type: 'job-timeout', job, error });
  }

  onLateError(job: RunningJob, error: unknown): void {
    const { functionName, handle, server } = job;
    this.#logger.error({ functionName, handle, server, error }, 'handler threw after the end of its job');
    if (this.#events.wants('late-error')) this.#events.emit({ type: 'late-error', job, error });
  }

  /** Calls the handler. One promise chain if it returns a promise, none if not. */
  #call(job: RunningJob): void {
    let result: unknown;
    try {
      result = job.entry.handler(job);
      if (isThenable(result)) {
        Promise.resolve(result).then(
          (value) => {
            job.onReturn(value);
            this.#settle(job);
          },
          (error: unknown) => {
            job.onThrow(error);
            this.#settle(job);
          },
        );
        return;
      }
    } catch (error) {
      job.onThrow(error);
      this.#settle(job);
      return;
    }
    job.onReturn(result);
    this.#settle(job);
  }

  /** The handler has ended: its slot is free. */
  #settle(job: RunningJob): void {
    // What it brought could not be sent, because the connection is closing.
    if (!job.ended) job.lose(new ConnectionLostError(job.server, 'closed while a job ran'));
    if (job.told) this.#finished++;
    else this.#unfinished++;
    job.loop.onJobEnd(job);
    this.slots.give();
    this.#onQuiet(job.loop);
  }

  /**
   * CANT_DO first: where the server believed us to know the function, that alone requeues the job. Otherwise WORK_FAIL
   * ends it.
   */
  #refuse(loop: GrabLoop, { functionName, handle }: AssignPacket): void {
    loop.connection.send(request('CANT_DO', { functionName }));
    loop.connection.send(request('WORK_FAIL', { handle }));
    this.slots.give();
    const { server } = loop.connection;
    const name = decodeText(functionName);
    this.#logger.warn({ server, functionName: name, handle }, 'refused a job of an unknown function');
    if (!this.#events.wants('unknown-function')) return;
    this.#events.emit({ type: 'unknown-function', server, functionName: name, handle });
  }
}

/**
 * A server that requeued a job after its time limit may give it to this connection again, under the same handle: what
 * the first attempt sent would count for the second one.
 */
function loseEarlierAttempt(loop: GrabLoop, handle: string, timeoutMs: number): void {
  for (const job of loop.jobs) {
    if (job.handle === handle) job.lose(new JobTimeoutError(job.functionName, timeoutMs));
  }
}
