import { type ClosedError, type Connection, type NoServersError, ServerError } from '@gearman/pool';
import { type GearmanError, JobRef, type Packet } from '@gearman/protocol';
import { JobCancelledError, SubmitUnknownError } from './errors.ts';
import type { JobHost } from './job-host.ts';
import type { JobSettings } from './options.ts';
import { refusal } from './refusal.ts';
import type { Submission, SubmitPacket } from './submission.ts';

/** Where a background job ends for its client: with a reference, or with the reason why there is none. */
export interface BackgroundOutcome {
  resolve(ref: JobRef): void;
  reject(error: GearmanError): void;
}

/** A background job until the server has taken it. */
export class BackgroundSubmission implements Submission {
  packet: SubmitPacket | undefined;
  readonly settings: JobSettings;
  deadlineMs = Number.POSITIVE_INFINITY;
  readonly #functionName: string;
  readonly #host: JobHost;
  #connection: Connection | undefined;
  #outcome: BackgroundOutcome | undefined;

  constructor(
    host: JobHost,
    packet: SubmitPacket,
    functionName: string,
    settings: JobSettings,
    outcome: BackgroundOutcome,
  ) {
    this.packet = packet;
    this.#functionName = functionName;
    this.settings = settings;
    this.#host = host;
    this.#outcome = outcome;
  }

  onSent(connection: Connection): void {
    this.#connection = connection;
  }

  onReply({ handle }: Packet<'JOB_CREATED'>): void {
    // Only a job that was sent on a connection is answered.
    const { server } = this.#connection as Connection;
    this.#end((outcome) => outcome.resolve(new JobRef(server, handle)));
  }

  onReplyError(error: GearmanError): void {
    if (error instanceof ServerError) this.#reject(refusal(this.#functionName, error));
    else this.#reject(this.#unknown(error.message, error));
  }

  onDeadline(): void {
    const { submitTimeoutMs, createdTimeoutMs } = this.settings;
    if (this.#connection === undefined) {
      this.#reject(this.#host.submitTimeout(this.#functionName, submitTimeoutMs));
    } else {
      this.#reject(this.#unknown(`it did not answer within ${createdTimeoutMs} ms`));
    }
  }

  onAbort(cause: unknown): void {
    const submitted = this.#connection !== undefined;
    const how = 'was aborted by its signal';
    this.#reject(new JobCancelledError(this.#functionName, how, submitted, { cause }));
  }

  onUnsendable(error: NoServersError | ClosedError): void {
    this.#reject(error);
  }

  onClosing(error: ClosedError): void {
    // One that was sent is about to be acknowledged.
    if (this.#connection === undefined) this.#reject(error);
  }

  onClosed(error: ClosedError): void {
    if (this.#connection === undefined) this.#reject(error);
    else this.#reject(this.#unknown('the client was closed before the answer came', error));
  }

  #unknown(reason: string, cause?: Error): SubmitUnknownError {
    const server = this.#connection?.server ?? '';
    const options = cause === undefined ? undefined : { cause };
    return new SubmitUnknownError(this.#functionName, server, reason, options);
  }

  #reject(error: GearmanError): void {
    this.#end((outcome) => outcome.reject(error));
  }

  #end(settle: (outcome: BackgroundOutcome) => void): void {
    const outcome = this.#outcome;
    if (outcome === undefined) return;
    this.#outcome = undefined;
    this.packet = undefined;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.#host.settle(this);
    settle(outcome);
  }
}
