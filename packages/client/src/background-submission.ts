import {
  type ClosedError,
  type Connection,
  type NoServersError,
  ServerError,
  type UnsupportedError,
} from '@gearman/pool';
import { type GearmanError, JobRef } from '@gearman/protocol';
import { Attempts } from './attempts.ts';
import type { OverflowError } from './collection-errors.ts';
import { JobCancelledError, SubmitUnknownError } from './errors.ts';
import type { JobHost } from './job-host.ts';
import type { JobSettings } from './job-settings.ts';
import { refusal } from './refusal.ts';
import type { CreatedPacket, Submission, SubmitPacket } from './submission.ts';

/** Where a background job ends for its client: with a reference, or with the reason why there is none. */
export interface BackgroundOutcome {
  resolve(ref: JobRef): void;
  reject(error: GearmanError): void;
}

/** A background job until the server has taken it. */
export class BackgroundSubmission implements Submission {
  packet: SubmitPacket | undefined;
  readonly settings: JobSettings;
  readonly attempts: Attempts | undefined;
  deadlineMs = Number.POSITIVE_INFINITY;
  readonly #functionName: string;
  readonly #command: SubmitPacket['type'];
  readonly #host: JobHost;
  #connection: Connection | undefined;
  #isRetrying = false;
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
    this.#command = packet.type;
    this.settings = settings;
    this.attempts = settings.repeatable ? new Attempts(packet, settings, host) : undefined;
    this.#host = host;
    this.#outcome = outcome;
  }

  onSent(connection: Connection): void {
    this.#connection = connection;
  }

  onReply({ type, handle }: CreatedPacket): void {
    // Only a job that was sent on a connection is answered.
    const { server } = this.#connection as Connection;
    this.#end((outcome) => outcome.resolve(new JobRef(server, handle, type === 'JOB_MERGED')));
  }

  onReplyError(error: GearmanError): void {
    if (error instanceof ServerError) this.#fail(refusal(this.#functionName, error, this.#command));
    else this.#fail(this.#unknown(error.message, error));
  }

  onDeadline(): void {
    if (this.#isRetrying) {
      this.#isRetrying = false;
      this.#host.resend(this);
    } else if (this.#connection === undefined) {
      const timeoutMs = this.#ranOut(this.settings.submitTimeoutMs);
      this.#fail(this.#host.submitTimeout(this.#functionName, timeoutMs));
    } else {
      const timeoutMs = this.#ranOut(this.settings.createdTimeoutMs);
      this.#fail(this.#unknown(`it did not answer within ${timeoutMs} ms`));
    }
  }

  onAbort(cause: unknown): void {
    const submitted = this.#connection !== undefined || this.attempts?.earlier !== undefined;
    const how = 'was aborted by its signal';
    this.#fail(new JobCancelledError(this.#functionName, how, submitted, { cause }));
  }

  onUnsendable(error: NoServersError | OverflowError | ClosedError | UnsupportedError): void {
    this.#fail(error);
  }

  onClosing(error: ClosedError): void {
    // One that was sent is about to be acknowledged.
    if (this.#connection === undefined) this.onClosed(error);
  }

  onClosed(error: ClosedError): void {
    const earlier = this.attempts?.earlier?.error;
    this.attempts?.end();
    if (this.#connection !== undefined) {
      this.#fail(this.#unknown('the client was closed before the answer came', error));
    } else this.#end((outcome) => outcome.reject(earlier ?? error));
  }

  #unknown(reason: string, cause?: Error): SubmitUnknownError {
    const server = this.#connection?.server ?? '';
    const options = cause === undefined ? undefined : { cause };
    return new SubmitUnknownError(this.#functionName, server, reason, options);
  }

  #ranOut(stageMs: number): number {
    return this.attempts?.ranOut(stageMs) ?? stageMs;
  }

  #fail(error: GearmanError): void {
    if (this.#outcome === undefined) return;
    const delayMs = this.attempts?.next({ error });
    if (delayMs === undefined) {
      const last = this.attempts?.verdict({ error }).error ?? error;
      this.#end((outcome) => outcome.reject(last));
      return;
    }
    this.#connection = undefined;
    this.#isRetrying = true;
    this.deadlineMs = this.#host.deadlineAfter(delayMs);
  }

  #end(settle: (outcome: BackgroundOutcome) => void): void {
    const outcome = this.#outcome;
    if (outcome === undefined) return;
    this.#outcome = undefined;
    this.packet = undefined;
    this.attempts?.end();
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.#host.settle(this);
    settle(outcome);
  }
}
