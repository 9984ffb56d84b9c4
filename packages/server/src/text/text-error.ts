import type { ServerErrorText } from '@gearman/protocol';

/** Error lines of the text protocol, with gearmand's exact bytes. */
export const TEXT_ERRORS = {
  unknownShow: 'ERR UNKNOWN_SHOW_ARGUMENTS\r\n',
  unknownError: 'ERR UNKNOWN_ERROR\r\n',
  unknownJob: 'ERR UNKNOWN_JOB\r\n',
  /** Our own, as all about schedules. */
  unknownSchedule: 'ERR UNKNOWN_SCHEDULE\r\n',
  overlaps: 'ERR SCHEDULE_OVERLAPS The+job+of+an+earlier+run+has+not+ended\r\n',
  functionNotFound: 'ERR function not found\r\n',
  functionInUse: 'ERR there are still connected workers or executing clients\r\n',
  /** Our own: gearmand drops the function and leaves its jobs behind. */
  functionHasJobs: 'ERR there are still jobs waiting\r\n',
  noDeadJobs: 'ERR NO_DEAD_JOBS Dead+jobs+are+not+kept\r\n',
  notRequeued: 'ERR NOT_REQUEUED There+is+a+job+with+its+unique+id,+or+no+room+for+more+jobs\r\n',
} as const;

export const OK = 'OK\r\n';

/** A command that caused something the server refused. */
export function refused({ code, text }: ServerErrorText): string {
  return `ERR ${code} ${text.replaceAll(' ', '+')}\r\n`;
}

export function incomplete(command: string): string {
  return `ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+${command}\r\n`;
}

/** There is no separator in front of the command. */
export function unknownCommand(command: string): string {
  return `ERR UNKNOWN_COMMAND Unknown+server+command${command}\r\n`;
}

export function createFailed(functionName: string): string {
  return `ERR CREATE_FUNCTION ${functionName}\r\n`;
}
