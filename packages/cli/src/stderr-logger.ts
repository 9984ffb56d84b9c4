import type { Logger } from '@gearman/events';
import { LOG_LEVELS, type LogLevel } from '@gearman/server';

/** Writes what is at least as grave as `level` to standard error, one line each. */
export function stderrLogger(level: LogLevel): Logger {
  const chosen = LOG_LEVELS.indexOf(level);
  const at = (name: LogLevel) => (fields: object, message: string) => {
    if (LOG_LEVELS.indexOf(name) > chosen) return;
    const details = Object.entries(fields).map(([key, value]) => ` ${key}=${show(value)}`);
    process.stderr.write(`${new Date().toISOString()} ${name} ${message}${details.join('')}\n`);
  };
  return { debug: at('DEBUG'), info: at('INFO'), warn: at('WARNING'), error: at('ERROR') };
}

function show(value: unknown): string {
  return value instanceof Error ? JSON.stringify(value.message) : JSON.stringify(value);
}
