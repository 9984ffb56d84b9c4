import { MAX_HANDLE_BYTES, type Packet, SERVER_ERRORS, type ServerErrorText } from '@gearman/protocol';
import type { Reports } from '../engine/reports.ts';
import type { Session } from '../net/session.ts';

/**
 * Passes a report on to the clients of a job, when all of them have read enough of what was sent before.
 *
 * @param tell returns false when this worker has no such job
 */
export function report(
  session: Session,
  handle: string,
  tell: (reports: Reports) => boolean,
  unknownJob: ServerErrorText,
): void {
  const { congestion, engine, limitLog } = session.context;
  if (congestion.any) {
    const slow = engine.reports.findReader(session.peer, handle, (port) => congestion.has(port));
    // Who sends to itself would wait for ever.
    if (slow !== undefined && slow !== session) {
      limitLog.note('outboxSoftBytes', {}, 'a worker waits for a client that reads slowly');
      session.waitFor(slow);
      return;
    }
  }
  if (!tell(engine.reports)) session.sendError(unknownJob);
}

const { jobNotFound, resultJobNotFound, exceptionJobNotFound, handleTooLarge } = SERVER_ERRORS;

export const workHandlers = {
  WORK_DATA(session: Session, { handle, data }: Packet<'WORK_DATA'>): void {
    report(session, handle, (reports) => reports.data(session.peer, handle, data), jobNotFound);
  },

  WORK_WARNING(session: Session, { handle, data }: Packet<'WORK_WARNING'>): void {
    report(session, handle, (reports) => reports.warning(session.peer, handle, data), jobNotFound);
  },

  WORK_STATUS(session: Session, { handle, numerator, denominator }: Packet<'WORK_STATUS'>): void {
    const tell = (reports: Reports): boolean => reports.status(session.peer, handle, numerator, denominator);
    report(session, handle, tell, resultJobNotFound);
  },

  WORK_COMPLETE(session: Session, { handle, data }: Packet<'WORK_COMPLETE'>): void {
    report(session, handle, (reports) => reports.complete(session.peer, handle, data), resultJobNotFound);
  },

  WORK_FAIL(session: Session, { handle }: Packet<'WORK_FAIL'>): void {
    if (handle.length > MAX_HANDLE_BYTES) session.sendError(handleTooLarge);
    else report(session, handle, (reports) => reports.fail(session.peer, handle), resultJobNotFound);
  },

  WORK_EXCEPTION(session: Session, { handle, data }: Packet<'WORK_EXCEPTION'>): void {
    report(session, handle, (reports) => reports.exception(session.peer, handle, data), exceptionJobNotFound);
  },
};
