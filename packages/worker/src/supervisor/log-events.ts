import type { Logger } from '@gearman/events';
import type { SupervisorEvent } from './supervisor-events.ts';

/** Writes what happens to a logger; without one, what processes print goes where this process prints. */
export function logEvent(event: SupervisorEvent, logger: Logger | undefined): void {
  if (logger !== undefined) log(event, logger);
  else if (event.type === 'output') {
    process[event.stream].write(`[${event.process} ${event.pid}] ${event.line}\n`);
  }
}

function log(event: SupervisorEvent, logger: Logger): void {
  const { type: _type, ...fields } = event;
  switch (event.type) {
    case 'output': {
      const { line, ...rest } = event;
      logger[event.stream === 'stdout' ? 'info' : 'warn']({ process: rest.process, pid: rest.pid }, line);
      break;
    }
    case 'process-exit':
      logger[event.expected ? 'info' : 'warn'](fields, 'a process ended');
      break;
    case 'module-error':
      logger.error({ process: event.process, err: event.error }, 'a module cannot be loaded');
      break;
    case 'process-killed':
      logger.warn(fields, 'a process did not end in time and was killed');
      break;
    case 'listener-error':
      logger.error({ err: event.error, during: event.during }, 'a listener threw');
      break;
    default:
      logger.info(fields, MESSAGES[event.type]);
  }
}

type Plain = Exclude<
  SupervisorEvent['type'],
  'output' | 'process-exit' | 'module-error' | 'process-killed' | 'listener-error'
>;

const MESSAGES: Readonly<Record<Plain, string>> = {
  'process-start': 'a process was started',
  'process-ready': 'a process takes jobs',
  'process-restart': 'a process will be started again',
  'process-recycle': 'a process is due to be replaced',
  reload: 'all processes are being replaced',
  'reload-done': 'all processes have been replaced',
  stop: 'all processes have ended',
};
