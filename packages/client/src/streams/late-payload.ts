import type { ValidationError } from '@gearman/protocol/payload';
import type { Dispatcher } from '../dispatcher.ts';
import type { Job } from '../job.ts';
import type { SubmitPacket } from '../submission.ts';
import type { PayloadError } from './payload-error.ts';
import { collectPayload, type PayloadSource } from './payload-source.ts';

/** Submits a job whose payload is still to come: it can be followed, aborted and closed at once, and is sent then. */
export function submitLate<O>(
  job: Job<O, unknown>,
  source: PayloadSource,
  dispatcher: Dispatcher,
  toPacket: (workload: Uint8Array) => SubmitPacket,
): void {
  if (!dispatcher.admit(job, job.settings.signal)) return;
  job.awaitPayload();
  const { maxPayloadBytes } = job.settings;
  collectPayload(source, { maxPayloadBytes }, () => job.done).then(
    (workload) => {
      if (job.done) return;
      job.provide(toPacket(workload));
      dispatcher.send(job);
    },
    // It rejects with these only.
    (error: PayloadError | ValidationError) => {
      if (!job.done) job.onUnsendable(error);
    },
  );
}
