import type { Logger } from '@gearman/events';
import type { PoolEvent } from './pool-events.ts';

/** Writes what people who look after a program want to know. */
export function logEvent(logger: Logger, event: PoolEvent): void {
  switch (event.type) {
    case 'connect':
      logger.info({ server: event.server }, 'connected');
      break;
    case 'connection-error':
    case 'disconnect':
    case 'option-refused':
    case 'max-queue-refused':
      logger.warn({ server: event.server }, event.error.message);
      break;
    case 'protocol-error':
      logger.error({ server: event.server }, event.error.message);
      break;
    case 'server-added':
    case 'server-removed':
      logger.info({ server: event.server }, event.type);
      break;
    default:
  }
}
