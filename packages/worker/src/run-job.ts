import type { Clock, Logger } from '@gearman/events';
import { ConnectionLostError, type PoolSettings, type ReplyTimeoutError } from '@gearman/pool';
import { decodeText, type GearmanError, request } from '@gearman/protocol';
import { JobTimeoutError } from './errors.ts';
import type { ExceptionFormat } from './exception.ts';
import { countsSeconds, type ExceptionMode, type ExceptionRule, exceptionRuleFor } from './exception-rule.ts';
import type { AssignPacket, GrabHost, GrabLoop } from './grab-loop.ts';
import { RunningJob } from './job.ts';
import type { JobClient } from './job-client.ts';
import type { JobHost } from './job-host.ts';
import type { ResolvedSettings } from './options.ts';
import { isThenable } from './result.ts';
import type { ServerVersions } from './server-versions.ts';
import type { EventSink } from './worker-events.ts';

/** What a runner works with. */
export interface RunnerParts {
  readonly versions: ServerVersions;
  readonly events: EventSink;
  /** The handler of a job has ended, or a loop came to a pause: what waits for that may go on. */
  readonly onQuiet: (loop: GrabLoop) => void;
  /** A job is over: its handler has ended, and the server knows or has taken it back. */
  readonly onDone: (job: RunningJob) => void;
}

/** Turns assigned jobs into calls of handlers, and what these bring into packets and events. */
export class JobRunner implements GrabHost, JobHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly client: JobClient | undefined;
  readonly pollIntervalMs: number;
  readonly grabTimeoutMs: number;
  readonly attempts: boolean;
  readonly noRetryCodes: readonly (string | number)[];
  readonly progressIntervalMs: number;
  readonly exceptionFormat: ExceptionFormat;
  readonly maxPacketBytes: number;
  readonly #exceptionMode: ExceptionMode;
  readonly #versions: ServerVersions;
  readonly #events: EventSink;
  readonly #onQuiet: (loop: GrabLoop) => void;
  readonly #onDone: (job: RunningJob) => void;
  #finished = 0;
  #unfinished = 0;

  constructor(settings: ResolvedSettings, pool: PoolSettings, parts: RunnerParts) {
    this.clock = pool.clock;
    this.logger = pool.logger;
    this.random = pool.random;
    this.client = settings.client;
    this.pollIntervalMs = settings.pollIntervalMs;
    this.grabTimeoutMs = settings.grabTimeoutMs;
    this.attempts = settings.attempts;
    this.noRetryCodes = settings.noRetryCodes;
    this.progressIntervalMs = settings.progressIntervalMs;
    this.exceptionFormat = settings.exceptionFormat;
    this.maxPacketBytes = pool.maxPacketBytes;
    this.#exceptionMode = settings.exceptionMode;
    this.#versions = parts.versions;
    this.#events = parts.events;
    this.#onQuiet = parts.onQuiet;
    this.#onDone = parts.onDone;
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
    const { functions, starts } = loop.lane;
    const entry = functions.get(packet.functionName);
    if (entry === undefined) {
      this.#refuse(loop, packet);
      return;
    }
    if (entry.timeoutMs !== undefined) loseEarlierAttempt(loop, packet.handle, entry.timeoutMs);
    const job = new RunningJob(entry, packet, loop, this);
    loop.onJobStart(job);
    if (starts === undefined) this.call(job);
    else starts.add(job);
  }

  onPause(loop: GrabLoop): void {
    this.#onQuiet(loop);
  }

  onGrabTimeout({ connection: { server } }: GrabLoop, error: ReplyTimeoutError): void {
    this.logger.warn({ server }, 'a request for a job was not answered; connecting anew');
    if (this.#events.wants('grab-timeout')) this.#events.emit({ type: 'grab-timeout', server, error });
  }

  exceptionRule({ connection: { server } }: GrabLoop): ExceptionRule {
    if (this.#exceptionMode !== 'auto') return this.#exceptionMode;
    const version = this.#versions.of(server);
    return version === undefined ? 'uncertain' : exceptionRuleFor(version);
  }

  onUncertainException({ connection }: GrabLoop, handle: string): void {
    const { epoch } = connection;
    // Never rejects.
    void this.#versions.learn(connection).then((version) => {
      if (connection.epoch !== epoch || exceptionRuleFor(version) === 'exception') return;
      connection.send(request('WORK_FAIL', { handle }));
    });
  }

  limitsAreOurs({ connection: { server } }: GrabLoop): boolean {
    const version = this.#versions.of(server);
    return version !== undefined && countsSeconds(version);
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
    this.logger.error({ functionName, handle, server, error }, 'job ended with an exception');
    if (this.#events.wants('job-exception')) this.#events.emit({ type: 'job-exception', job, error });
  }

  onRelease(job: RunningJob, delayMs: number): void {
    if (this.#events.wants('job-release')) this.#events.emit({ type: 'job-release', job, delayMs });
  }

  onLost(job: RunningJob, error: GearmanError): void {
    if (this.#events.wants('job-lost')) this.#events.emit({ type: 'job-lost', job, error });
  }

  onTimeout(job: RunningJob, error: JobTimeoutError): void {
    if (this.#events.wants('job-timeout')) this.#events.emit({ type: 'job-timeout', job, error });
  }

  onLateError(job: RunningJob, error: unknown): void {
    const { functionName, handle, server } = job;
    this.logger.error({ functionName, handle, server, error }, 'handler threw after the end of its job');
    if (this.#events.wants('late-error')) this.#events.emit({ type: 'late-error', job, error });
  }

  onEndAlone(job: RunningJob): void {
    this.#settle(job);
  }

  /** Calls the handler. One promise chain if it returns a promise, none if not. */
  call(job: RunningJob): void {
    if (this.#events.wants('job-start')) this.#events.emit({ type: 'job-start', job });
    let result: unknown;
    try {
      result = job.entry.run(job);
      if (isThenable(result)) {
        Promise.resolve(result).then(
          (value) => {
            if (job.onReturn(value)) this.#settle(job);
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
    if (job.onReturn(result)) this.#settle(job);
  }

  /** The handler has ended: its slot is free. */
  #settle(job: RunningJob): void {
    // What it brought could not be sent, because the connection is closing.
    if (!job.ended) job.lose(new ConnectionLostError(job.server, 'closed while a job ran'));
    if (job.told) this.#finished++;
    else this.#unfinished++;
    const { loop } = job;
    const { slots, starts } = loop.lane;
    loop.onJobEnd(job);
    starts?.remove(job);
    this.#onDone(job);
    slots.give();
    this.#onQuiet(loop);
  }

  /**
   * CANT_DO first: where the server believed us to know the function, that alone requeues the job. Otherwise WORK_FAIL
   * ends it.
   */
  #refuse(loop: GrabLoop, { functionName, handle }: AssignPacket): void {
    loop.connection.send(request('CANT_DO', { functionName }));
    loop.connection.send(request('WORK_FAIL', { handle }));
    loop.lane.slots.give();
    const { server } = loop.connection;
    const name = decodeText(functionName);
    this.logger.warn({ server, functionName: name, handle }, 'refused a job of an unknown function');
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
