import type { Packet } from '@gearman/protocol';
import { leadingInteger } from '../decimal.ts';
import type { Session } from '../net/session.ts';
import { REFUSALS } from './refusals.ts';

const SHORTEST_TIMEOUT_MS = 1000;

function canDo(session: Session, functionName: string, timeoutMs: number): void {
  const refusal = session.context.engine.canDo(session.peer, functionName, timeoutMs);
  if (refusal !== undefined) session.sendRefusal(REFUSALS[refusal]);
}

/** gearmand raises anything below a second to one; 0, negative and unreadable numbers mean no timeout. */
function timeoutOf(text: string): number {
  const timeoutMs = leadingInteger(text) ?? 0;
  return timeoutMs > 0 ? Math.max(SHORTEST_TIMEOUT_MS, timeoutMs) : 0;
}

export const registerHandlers = {
  CAN_DO: (session: Session, packet: Packet<'CAN_DO'>) => canDo(session, packet.functionName, 0),
  CAN_DO_TIMEOUT: (session: Session, packet: Packet<'CAN_DO_TIMEOUT'>) =>
    canDo(session, packet.functionName, timeoutOf(packet.timeout)),
  CANT_DO: (session: Session, packet: Packet<'CANT_DO'>) =>
    session.context.engine.cantDo(session.peer, packet.functionName),
  RESET_ABILITIES: (session: Session) => session.context.engine.resetAbilities(session.peer),
  SET_CLIENT_ID: (session: Session, packet: Packet<'SET_CLIENT_ID'>) =>
    session.context.engine.setClientId(session.peer, packet.clientId),
  // A promise never to connect elsewhere. gearmand refuses it; there is nothing to do about it, so nothing is done.
  ALL_YOURS: () => {},
};
