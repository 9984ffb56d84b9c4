import { isExtension, type Packet, SERVER_ERRORS } from '@gearman/protocol';
import type { Session } from '../net/session.ts';
import { agreeOn } from './extensions.ts';

export const connectionHandlers = {
  ECHO_REQ(session: Session, { data }: Packet<'ECHO_REQ'>): void {
    session.send({ type: 'ECHO_RES', magic: 'RES', data });
  },

  OPTION_REQ(session: Session, { option }: Packet<'OPTION_REQ'>): void {
    const name = option.toLowerCase();
    switch (name) {
      case 'exceptions':
        session.peer.exceptions = true;
        break;
      // abraxas' own; gearmand does not know it.
      case 'streaming':
        session.peer.streaming = true;
        break;
      default:
        if (isExtension(name) && agreeOn(session, name)) break;
        session.sendError(SERVER_ERRORS.unknownOption);
        return;
    }
    session.send({ type: 'OPTION_RES', magic: 'RES', option });
  },
};
