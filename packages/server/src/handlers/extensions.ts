import { type Extension, PACKETS, type PacketType, SERVER_ERRORS } from '@gearman/protocol';
import type { Session } from '../net/session.ts';
import type { Handler } from './handler.ts';

/** The extensions that this server has. */
const SUPPORTED: ReadonlySet<Extension> = new Set(['x-schedule', 'x-submit', 'x-attempts', 'x-results']);

/** Agrees on an extension with a peer. @returns false when this server does not have it */
export function agreeOn(session: Session, extension: Extension): boolean {
  if (!SUPPORTED.has(extension)) return false;
  session.extensions = new Set([...session.extensions, extension]);
  return true;
}

/** A packet of an extension: for peers that have not agreed on it, it is one that nobody knows. */
export function agreed<T extends PacketType>(
  type: T,
  extension: Extension,
  handle: Handler<T> = refuse,
): Handler<T> {
  return (session, packet) => {
    if (session.extensions.has(extension)) {
      handle(session, packet);
    } else {
      session.sendError(SERVER_ERRORS.invalidCommand);
      session.refuse(`sent a packet of type ${PACKETS[type].code}`);
    }
  };
}

const refuse = (session: Session): void => session.sendError(SERVER_ERRORS.invalidCommand);
