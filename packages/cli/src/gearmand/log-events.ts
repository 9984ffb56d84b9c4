import type { Server, ServerEvent } from '@gearman/server';
import type { Log } from './log.ts';

/** What is written about, and how; connections at INFO, jobs at DEBUG. */
const MESSAGES = [
  { type: 'connect', level: 'INFO', message: 'connected' },
  { type: 'disconnect', level: 'INFO', message: 'disconnected' },
  { type: 'job-queued', level: 'DEBUG', message: 'job queued' },
  { type: 'job-assigned', level: 'DEBUG', message: 'job assigned' },
  { type: 'job-requeued', level: 'DEBUG', message: 'job requeued' },
  { type: 'job-ended', level: 'DEBUG', message: 'job ended' },
] as const;

/** Writes what the server tells, as far as the level asks for it: an event without a listener costs nothing. */
export function logEvents(server: Server, { logger, writes }: Log): void {
  for (const { type, level, message } of MESSAGES) {
    if (!writes(level)) continue;
    const write = level === 'INFO' ? logger.info : logger.debug;
    server.on(type, (event: ServerEvent) => write(fieldsOf(event), message));
  }
}

function fieldsOf(event: ServerEvent): object {
  return Object.fromEntries(Object.entries(event).filter(([key]) => key !== 'type'));
}
