import { type Connection, ConnectionLostError, type ReplyHandler } from '@gearman/pool';
import { type Extension, request } from '@gearman/protocol';
import type { CreatedPacket, SubmitPacket } from './submission.ts';

type CreatedHandler = ReplyHandler<CreatedPacket>;

/** What some packets need a server to agree on before. */
const EXTENSIONS: { readonly [T in SubmitPacket['type']]?: Extension } = { SUBMIT_SCHEDULE: 'x-schedule' };

/**
 * Sends the packet of a job; `handler` hears what comes of it, at whatever time.
 *
 * @returns false when the connection is not ready
 */
export function sendPacket(connection: Connection, packet: SubmitPacket, handler: CreatedHandler): boolean {
  const extension = EXTENSIONS[packet.type];
  return extension === undefined
    ? connection.request(packet, handler, Number.POSITIVE_INFINITY)
    : sendAgreed(connection, extension, packet, handler);
}

/** To a server that does not know it, such a packet would be the end of the connection. So it is asked first, each time: schedules are rare. */
function sendAgreed(
  connection: Connection,
  extension: Extension,
  packet: SubmitPacket,
  handler: CreatedHandler,
): boolean {
  const asked = {
    onReply: (): void => {
      if (!connection.request(packet, handler, Number.POSITIVE_INFINITY))
        handler.onReplyError(new ConnectionLostError(connection.server, 'it is being closed'));
    },
    onReplyError: (error: Parameters<CreatedHandler['onReplyError']>[0]): void => handler.onReplyError(error),
  };
  return connection.request(request('OPTION_REQ', { option: extension }), asked, Number.POSITIVE_INFINITY);
}
