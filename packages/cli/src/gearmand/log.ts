import type { Logger } from '@gearman/events';
import { LOG_LEVELS, type LogLevel } from '@gearman/server';
import { type DestinationStream, destination, pino, stdTimeFunctions } from 'pino';
import { PINO_LEVELS } from './log-levels.ts';
import { styleLine } from './log-line.ts';
import type { LogSettings } from './settings.ts';

const STDERR = 2;
/** pino wants lower case. */
const CUSTOM_LEVELS = Object.fromEntries(
  LOG_LEVELS.map((level) => [level.toLowerCase(), PINO_LEVELS[level]]),
);

/** The log of the command. */
export interface Log {
  readonly logger: Logger;
  /** True when a line of this level is written. */
  writes(level: LogLevel): boolean;
  /** Written at every level. */
  always(fields: object, message: string): void;
  /** Opens the file anew: after it was moved away, a new one begins. */
  reopen(): void;
}

/** Opens the log. A file that cannot be opened is replaced by standard error, as gearmand does. */
export function openLog(settings: LogSettings): Log {
  const { file, level } = settings;
  const sink = openSink(file);
  const stream: DestinationStream = { write: (line) => sink.write(styleLine(line, settings)) };
  const log = pino<string>(
    {
      base: { pid: process.pid },
      customLevels: CUSTOM_LEVELS,
      useOnlyCustomLevels: true,
      level: level.toLowerCase(),
      formatters: { level: (label) => ({ level: label.toUpperCase() }) },
      timestamp: stdTimeFunctions.isoTime,
    },
    stream,
  );
  const at = (name: LogLevel) => (fields: object, message: string) =>
    log[name.toLowerCase()]?.(fields, message);
  const result: Log = {
    logger: { debug: at('DEBUG'), info: at('INFO'), warn: at('WARNING'), error: at('ERROR') },
    writes: (name) => PINO_LEVELS[name] >= PINO_LEVELS[level],
    always: (fields, message) => {
      log.level = 'notice';
      at('NOTICE')(fields, message);
      log.level = level.toLowerCase();
    },
    reopen: () => sink.reopen(),
  };
  if (sink.problem !== undefined)
    result.logger.error({ file, err: sink.problem }, 'the log file cannot be opened');
  return result;
}

interface Sink {
  write(line: string): void;
  reopen(): void;
  readonly problem?: Error;
}

function openSink(file: string): Sink {
  if (file === 'none') return { write: () => {}, reopen: () => {} };
  if (file === 'stderr') return standardError();
  try {
    const stream = destination({ dest: file, sync: true, append: true });
    // A full disk or a file that cannot be reopened must not end the server.
    stream.on('error', () => {});
    return { write: (line) => void stream.write(line), reopen: () => stream.reopen() };
  } catch (error) {
    return { ...standardError(), problem: error instanceof Error ? error : new Error(String(error)) };
  }
}

function standardError(): Sink {
  const stream = destination({ dest: STDERR, sync: true });
  stream.on('error', () => {});
  return { write: (line) => void stream.write(line), reopen: () => {} };
}
