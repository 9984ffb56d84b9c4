import { type Anomaly, type Packet, SERVER_ERRORS, type StreamMessage } from '@gearman/protocol';
import type { Session } from '../net/session.ts';
import { answerLine } from '../text/answer-line.ts';
import { handlerOf } from './table.ts';

/** Type 5 was never given to a packet. gearmand refuses it like a response; anything past its table it cannot frame. */
const UNUSED_PACKET_CODE = 5;

/** Sends one message of a peer where it belongs. */
export function handleMessage(session: Session, message: StreamMessage): void {
  switch (message.type) {
    case 'TEXT':
      answerLine(session, message.line);
      break;
    case 'UNKNOWN':
    case 'OVERSIZE':
    case 'MALFORMED':
    case 'INVALID':
      handleAnomaly(session, message);
      break;
    default:
      handlePacket(session, message);
  }
}

function handlePacket(session: Session, packet: Packet): void {
  if (packet.magic !== 'REQ') {
    session.sendError(SERVER_ERRORS.invalidMagic);
    return;
  }
  const handle = handlerOf(packet.type);
  if (handle === undefined) session.sendError(SERVER_ERRORS.invalidCommand);
  else handle(session, packet);
}

/** Says what was wrong, and closes only where going on would do harm. */
function handleAnomaly(session: Session, message: Anomaly): void {
  switch (message.type) {
    case 'UNKNOWN':
      session.sendError(message.magic === 'REQ' ? SERVER_ERRORS.invalidCommand : SERVER_ERRORS.invalidMagic);
      if (message.packetCode !== UNUSED_PACKET_CODE)
        session.refuse(`sent a packet of type ${message.packetCode}`);
      break;
    case 'OVERSIZE':
      session.sendError({
        code: 'ARGUMENT_TOO_LARGE',
        text: `The packet has ${message.sizeBytes} bytes, at most ${message.maxPacketBytes} are accepted`,
      });
      session.context.limitLog.note('maxPacketBytes', { connectionId: session.peer.id });
      // Which job the packet was about went by unread. Its worker goes, so that the job does not stay with it for ever.
      if (message.packetType.startsWith('WORK_'))
        session.refuse(`sent a ${message.packetType} of ${message.sizeBytes} bytes`);
      break;
    case 'MALFORMED':
      session.sendError({ code: 'INVALID_PACKET', text: `${message.packetType}: ${message.reason}` });
      break;
    default:
      // Not Gearman: nothing that could be said would be understood.
      session.refuse(message.reason, message.reason.startsWith('a text line') ? 'maxLineBytes' : undefined);
  }
}
