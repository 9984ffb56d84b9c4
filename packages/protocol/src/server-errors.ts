/** What an ERROR packet of a job server says. */
export interface ServerErrorText {
  readonly code: string;
  readonly text: string;
}

/**
 * Every ERROR that gearmand sends, with its exact bytes.
 *
 * @see gearmand `libgearman-server/server.cc`, `_server_error_packet`
 */
export const SERVER_ERRORS = {
  invalidMagic: { code: 'INVALID_MAGIC', text: 'Request magic expected' },
  invalidCommand: { code: 'INVALID_COMMAND', text: 'Command not expected' },
  uniqueTooLarge: { code: 'ARGUMENT_TOO_LARGE', text: 'Unique value too large' },
  handleTooLarge: {
    code: 'ARGUMENT_TOO_LARGE',
    text: 'Error occurred due to GEARMAND_JOB_HANDLE_SIZE being too small from snprintf',
  },
  queueFull: { code: 'QUEUE_ERROR', text: 'Job queue is full' },
  queueStoreFailed: { code: 'QUEUE_ERROR', text: 'QUEUE_ERROR' },
  unknownOption: { code: 'UNKNOWN_OPTION', text: 'Server does not recognize given option' },
  jobNotFound: { code: 'JOB_NOT_FOUND', text: 'Job does not exist on server' },
  resultJobNotFound: { code: 'JOB_NOT_FOUND', text: 'Job given in work result not found' },
  exceptionJobNotFound: {
    code: 'JOB_NOT_FOUND',
    text: 'An exception was received for a job that does not exist',
  },
} as const satisfies Record<string, ServerErrorText>;
