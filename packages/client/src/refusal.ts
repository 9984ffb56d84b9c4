import { type ServerError, UnsupportedError } from '@gearman/pool';
import { QueueFullError } from './errors.ts';

/**
 * The error for a submit that was answered with ERROR.
 *
 * gearmand says `QUEUE_ERROR` for a full queue and for a store that failed; only the text tells them apart. java-service
 * says `queue_full`. `INVALID_COMMAND` is for packets that a server does not know,
 * `UNKNOWN_OPTION` for the extension that a packet needs.
 */
export function refusal(
  functionName: string,
  error: ServerError,
  command: string,
): QueueFullError | UnsupportedError | ServerError {
  if (/^(invalid_command|unknown_command|unknown_option)$/i.test(error.serverCode)) {
    return new UnsupportedError(error.server, command, { cause: error });
  }
  const isFull = /queue.is.full/i.test(error.serverText) || /^queue_full$/i.test(error.serverCode);
  return isFull ? new QueueFullError(functionName, error.server, { cause: error }) : error;
}
