import { MAX_HANDLE_BYTES, type Packet, SERVER_ERRORS } from '@gearman/protocol';
import type { Session } from '../net/session.ts';

export const workHandlers = {
  WORK_DATA(session: Session, { handle, data }: Packet<'WORK_DATA'>): void {
    if (!session.context.engine.workData(session.peer, handle, data))
      session.sendError(SERVER_ERRORS.jobNotFound);
  },

  WORK_WARNING(session: Session, { handle, data }: Packet<'WORK_WARNING'>): void {
    if (!session.context.engine.workWarning(session.peer, handle, data))
      session.sendError(SERVER_ERRORS.jobNotFound);
  },

  WORK_STATUS(session: Session, { handle, numerator, denominator }: Packet<'WORK_STATUS'>): void {
    const found = session.context.engine.workStatus(session.peer, handle, numerator, denominator);
    if (!found) session.sendError(SERVER_ERRORS.resultJobNotFound);
  },

  WORK_COMPLETE(session: Session, { handle, data }: Packet<'WORK_COMPLETE'>): void {
    const found = session.context.engine.workComplete(session.peer, handle, data);
    if (!found) session.sendError(SERVER_ERRORS.resultJobNotFound);
  },

  WORK_FAIL(session: Session, { handle }: Packet<'WORK_FAIL'>): void {
    if (handle.length > MAX_HANDLE_BYTES) {
      session.sendError(SERVER_ERRORS.handleTooLarge);
    } else if (!session.context.engine.workFail(session.peer, handle)) {
      session.sendError(SERVER_ERRORS.resultJobNotFound);
    }
  },

  WORK_EXCEPTION(session: Session, { handle, data }: Packet<'WORK_EXCEPTION'>): void {
    const found = session.context.engine.workException(session.peer, handle, data);
    if (!found) session.sendError(SERVER_ERRORS.exceptionJobNotFound);
  },
};
