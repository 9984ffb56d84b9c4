import type { Packet } from '@gearman/protocol';
import type { Job } from '../engine/job.ts';
import type { Session } from '../net/session.ts';

/** Handles and ids end at their first NUL, as in gearmand. */
function untilNul(text: string): string {
  const nul = text.indexOf('\0');
  return nul < 0 ? text : text.slice(0, nul);
}

function fieldsOf(job: Job | undefined, isParked: boolean) {
  return {
    known: job === undefined && !isParked ? '0' : '1',
    running: job?.state === 'running' ? '1' : '0',
    numerator: String(job?.numerator ?? 0),
    denominator: String(job?.denominator ?? 0),
  };
}

export const statusHandlers = {
  GET_STATUS(session: Session, packet: Packet<'GET_STATUS'>): void {
    const handle = untilNul(packet.handle);
    const { engine } = session.context;
    const isParked = (engine.parking?.find(handle) ?? 0) > 0;
    session.send({
      type: 'STATUS_RES',
      magic: 'RES',
      handle,
      ...fieldsOf(engine.find(handle), isParked),
    });
  },

  GET_STATUS_UNIQUE(session: Session, packet: Packet<'GET_STATUS_UNIQUE'>): void {
    const uniqueId = untilNul(packet.uniqueId);
    const { engine } = session.context;
    const whole = engine.findUnique(uniqueId);
    const parked = engine.parking?.findUnique(uniqueId) ?? 0;
    const job = whole !== undefined && whole.number > parked ? whole : undefined;
    session.send({
      type: 'STATUS_RES_UNIQUE',
      magic: 'RES',
      uniqueId,
      ...fieldsOf(job, parked > 0),
      clients: String(job?.watcherCount ?? 0),
    });
  },
};
