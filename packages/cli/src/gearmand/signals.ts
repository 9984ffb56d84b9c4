import type { CloseOptions, Server } from '@gearman/server';
import { EXIT } from './exit-code.ts';
import type { Log } from './log.ts';

const LONGEST_FAREWELL_MS = 5000;

/** SIGTERM, SIGINT: end. SIGUSR1: end when no job is left. SIGHUP: open the log anew, read certificates again. */
export function obeySignals(server: Server, log: Log, hasTls: boolean): void {
  let isWaiting = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      if (isWaiting) process.exit(EXIT.ok);
      // Waits for no peer that does not take its last bytes.
      setTimeout(() => process.exit(EXIT.ok), LONGEST_FAREWELL_MS).unref();
      end(server, log, {});
      log.logger.info({ signal }, 'ending');
    });
  }
  process.once('SIGUSR1', () => {
    isWaiting = true;
    end(server, log, { graceful: 'all-jobs', timeoutMs: Number.POSITIVE_INFINITY });
    log.logger.info({ jobs: server.stats.jobs }, 'ending when no job is left');
  });
  process.on('SIGHUP', () => {
    log.reopen();
    log.logger.info({}, 'the log was opened anew');
    if (hasTls) reloadTls(server, log);
  });
}

function reloadTls(server: Server, { logger }: Log): void {
  try {
    server.reloadTls();
    logger.info({}, 'the certificates were read again');
  } catch (error) {
    logger.error({ err: error }, 'the certificates cannot be used; the old ones stay');
  }
}

function end(server: Server, log: Log, options: CloseOptions): void {
  server.close(options).then(
    () => {
      log.logger.info({}, 'ended');
      process.exit(EXIT.ok);
    },
    (error: unknown) => {
      log.logger.error({ err: error }, 'ending failed');
      process.exit(EXIT.runtime);
    },
  );
}
