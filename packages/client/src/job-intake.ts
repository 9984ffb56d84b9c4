import {
  type FunctionName,
  InvalidArgumentError,
  type JobRef,
  toFunctionName,
  type UniqueId,
} from '@gearman/protocol';
import { BackgroundSubmission } from './background-submission.ts';
import { addCallbacks } from './callbacks.ts';
import type { Dispatcher } from './dispatcher.ts';
import { Job } from './job.ts';
import type { JobFormat } from './job-format.ts';
import type { JobHost } from './job-host.ts';
import { withRules } from './job-rules.ts';
import { type JobSettings, parseBackgroundOptions, parseSubmitOptions } from './job-settings.ts';
import { type ClientMiddleware, through } from './middleware.ts';
import type { BackgroundOptions, SubmitOptions } from './options.ts';
import { type Payload, toBytes } from './payload.ts';
import type { Schedule } from './schedule.ts';
import { planSchedule, type ScheduleOptions } from './schedule-options.ts';
import { submitLate } from './streams/late-payload.ts';
import { collectPayload, isPayloadSource, type JobPayload } from './streams/payload-source.ts';
import { type SubmitPacket, submitPacket } from './submission.ts';
import { chooseUniqueId } from './unique-id.ts';

/** When a job is to run: a time, seconds since 1970, or a delay from now in milliseconds. */
export type RunAt = Date | number | { readonly delayMs: number };

/** What every packet that submits a job has. */
export interface PlainJob {
  readonly functionName: FunctionName;
  readonly uniqueId: UniqueId;
  readonly workload: Uint8Array;
}

/** Makes the packet to submit, of what every such packet has. */
export type BuildPacket = (plain: PlainJob, settings: JobSettings) => SubmitPacket;

const FOREGROUND: BuildPacket = ({ functionName, uniqueId, workload }, { priority }) =>
  submitPacket(false, priority, functionName, uniqueId, workload);
const BACKGROUND: BuildPacket = ({ functionName, uniqueId, workload }, { priority }) =>
  submitPacket(true, priority, functionName, uniqueId, workload);

/** Turns what callers say into jobs that are on their way. */
export class JobIntake {
  readonly defaults: JobSettings;
  readonly prefix: string;
  middleware: readonly ClientMiddleware[];
  readonly #host: JobHost;
  readonly #dispatcher: Dispatcher;

  constructor(
    host: JobHost,
    dispatcher: Dispatcher,
    defaults: JobSettings,
    prefix: string,
    middleware: readonly ClientMiddleware[],
  ) {
    this.#host = host;
    this.#dispatcher = dispatcher;
    this.defaults = defaults;
    this.prefix = prefix;
    this.middleware = middleware;
  }

  /** A job whose result, as `format` reads it, is waited for. */
  foreground<O, C>(
    functionName: string,
    data: JobPayload,
    options: SubmitOptions | undefined,
    format: JobFormat<O, C>,
    build: BuildPacket = FOREGROUND,
  ): Job<O, C> {
    if (this.middleware.length === 0) return this.#submit(functionName, data, options, format, build);
    const request = { kind: 'foreground', functionName, data, options } as const;
    return through(this.middleware, request, (asked) =>
      this.#submit(asked.functionName, asked.data, asked.options, format, build),
    );
  }

  background(
    functionName: string,
    data: JobPayload,
    options?: BackgroundOptions,
    build: BuildPacket = BACKGROUND,
  ): Promise<JobRef> {
    return this.#background(functionName, data, options, 'submitBackground()', build);
  }

  at(functionName: string, when: RunAt, data: JobPayload, options?: BackgroundOptions): Promise<JobRef> {
    return this.#background(functionName, data, options, 'submitAt()', (plain) => ({
      type: 'SUBMIT_JOB_EPOCH',
      magic: 'REQ',
      ...plain,
      epoch: String(toEpochSeconds(when, this.#host.clock.now())),
    }));
  }

  async schedule(
    functionName: string,
    schedule: string | Schedule,
    data: JobPayload,
    options?: ScheduleOptions,
  ): Promise<JobRef> {
    const plan = planSchedule(schedule, options);
    return this.#background(functionName, data, plan.options, 'schedule()', (plain, { priority }) =>
      plan.packet(plain, priority),
    );
  }

  #submit<O, C>(
    functionName: string,
    data: JobPayload,
    options: SubmitOptions | undefined,
    format: JobFormat<O, C>,
    build: BuildPacket,
  ): Job<O, C> {
    const settings = parseSubmitOptions(options, this.defaults);
    const isLate = isPayloadSource(data);
    const packet = this.#packetOf(functionName, isLate ? undefined : data, settings, false, build);
    const job = new Job(this.#host, packet, functionName, settings, format);
    if (settings.callbacks !== undefined) addCallbacks(job, settings.callbacks);
    if (!isLate) this.#dispatcher.submit(job, settings.signal);
    else {
      submitLate(job, data, this.#dispatcher, (workload) =>
        // The id of anything but the payload is known already.
        settings.uniqueId === 'payload'
          ? this.#packetOf(functionName, workload, settings, false, build)
          : { ...packet, workload },
      );
    }
    return job;
  }

  #background(
    functionName: string,
    data: JobPayload,
    options: BackgroundOptions | undefined,
    where: string,
    build: BuildPacket,
  ): Promise<JobRef> {
    const submit = (name: string, payload: JobPayload, given: BackgroundOptions | undefined) =>
      // Whatever the executor throws, the promise rejects with.
      new Promise<JobRef>((resolve, reject) => {
        const settings = parseBackgroundOptions(given, this.defaults, where);
        const send = (data: Payload): void => {
          const packet = this.#packetOf(name, data, settings, true, build);
          const outcome = { resolve, reject };
          const submission = new BackgroundSubmission(this.#host, packet, name, settings, outcome);
          this.#dispatcher.submit(submission, settings.signal);
        };
        if (!isPayloadSource(payload)) send(payload);
        else {
          const isOver = (): boolean => settings.signal?.aborted === true;
          collectPayload(payload, settings, isOver).then(send).catch(reject);
        }
      });
    if (this.middleware.length === 0) return submit(functionName, data, options);
    const request = { kind: 'background', functionName, data, options } as const;
    // What throws on the way is the caller's to catch where everything else of a background job comes: the promise.
    return new Promise((resolve) => {
      resolve(
        through(this.middleware, request, (asked) => submit(asked.functionName, asked.data, asked.options)),
      );
    });
  }

  #wireName(functionName: string): FunctionName {
    // What is no text must not become text by having something before it.
    if (this.prefix === '' || typeof functionName !== 'string') return toFunctionName(functionName);
    return toFunctionName(this.prefix + functionName);
  }

  #packetOf(
    functionName: string,
    data: Payload,
    settings: JobSettings,
    background: boolean,
    build: BuildPacket,
  ): SubmitPacket {
    const name = this.#wireName(functionName);
    const workload = toBytes(data);
    const generate = settings.generateUnique ?? background;
    const uniqueId = chooseUniqueId(settings.uniqueId, generate, name, workload);
    const packet = build({ functionName: name, uniqueId, workload }, settings);
    return settings.rules === undefined ? packet : withRules(packet, settings.rules, settings.priority);
  }
}

/** Whole seconds, rounded up: never before its time. */
function toEpochSeconds(when: RunAt, nowMs: number): number {
  const seconds = typeof when === 'number' ? when : Math.ceil(toEpochMs(when, nowMs) / 1000);
  // gearmand closes the connection over a number past 64 bits; a float or a negative one means nothing.
  if (Number.isSafeInteger(seconds) && seconds >= 0) return seconds;
  throw new InvalidArgumentError(
    'the time to run must be a valid Date, whole seconds since 1970, or { delayMs } of 0 or more',
  );
}

function toEpochMs(when: Date | { readonly delayMs: number }, nowMs: number): number {
  if (when instanceof Date) return when.getTime();
  return when.delayMs >= 0 ? nowMs + when.delayMs : Number.NaN;
}
