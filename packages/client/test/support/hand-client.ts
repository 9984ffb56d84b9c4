import type { Connection } from '@gearman/pool';
import { request, response, toFunctionName } from '@gearman/protocol';
import { FakeClock } from '@gearman/testing';
import type { JobEvent, Payload, SubmitOptions } from '../../src/index.ts';
import { Job } from '../../src/job.ts';
import { BYTES } from '../../src/job-format.ts';
import { parseClientOptions } from '../../src/options.ts';
import { toBytes } from '../../src/payload.ts';

/** A job that the test plays server and worker for, without waiting for anything. */
export class HandJob {
  readonly job: Job;
  readonly functionName: string;
  /** The payload as UTF-8. */
  readonly text: string;
  readonly options: SubmitOptions | undefined;
  readonly #handle: string;

  constructor(index: number, functionName: string, data: Payload, options: SubmitOptions | undefined) {
    this.functionName = functionName;
    this.options = options;
    this.#handle = `H:${index}`;
    const workload = toBytes(data);
    this.text = new TextDecoder().decode(workload);
    const name = toFunctionName(functionName);
    const packet = request('SUBMIT_JOB', { functionName: name, uniqueId: '', workload });
    const { defaults } = parseClientOptions({});
    this.job = new Job(HOST, packet, functionName, defaults, BYTES);
  }

  /** The server takes it. */
  create(): void {
    this.job.onSent(CONNECTION);
    this.job.onReply(response('JOB_CREATED', { handle: this.#handle }));
  }

  progress(numerator: number, denominator: number): void {
    const numbers = { numerator: String(numerator), denominator: String(denominator) };
    this.job.onWork(response('WORK_STATUS', { handle: this.#handle, ...numbers }), CONNECTION);
  }

  complete(result: string): void {
    const data = Buffer.from(result);
    this.job.onWork(response('WORK_COMPLETE', { handle: this.#handle, data }), CONNECTION);
  }

  fail(): void {
    this.job.onWork(response('WORK_FAIL', { handle: this.#handle }), CONNECTION);
  }
}

/** Whoever submits, without a server: jobs do what the test makes of them. */
export class HandClient {
  readonly jobs: HandJob[] = [];
  readonly #onJob: (job: HandJob) => void;

  /** @param onJob called with every job that was submitted and that the server has taken */
  constructor(onJob: (job: HandJob) => void = () => {}) {
    this.#onJob = onJob;
  }

  submit(functionName: string, data?: Payload, options?: SubmitOptions): Job {
    return this.start(functionName, data, options).job;
  }

  /** The same, for the test to play with. */
  start(functionName: string, data?: Payload, options?: SubmitOptions): HandJob {
    const job = new HandJob(this.jobs.length, functionName, data, options);
    this.jobs.push(job);
    job.create();
    this.#onJob(job);
    return job;
  }

  /** Payloads of the jobs that are not over. */
  get running(): string[] {
    return this.jobs.filter(({ job }) => !job.done).map(({ text }) => text);
  }
}

// Only what is asked of it here.
const CONNECTION = { server: 'a:1', own: (bytes: Uint8Array) => bytes } as unknown as Connection;
const CLOCK = new FakeClock();
const HOST = {
  clock: CLOCK,
  random: () => 0.5,
  settle: () => {},
  resend: () => {},
  cancel: () => Promise.resolve('unknown' as const),
  listen: () => true,
  deadlineAfter: () => Number.POSITIVE_INFINITY,
  submitTimeout: () => {
    throw new Error('no time passes here');
  },
  isOnly: () => true,
  wants: (_type: JobEvent['type']) => false,
  publish: () => {},
};
