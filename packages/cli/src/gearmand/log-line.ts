import type { LogLevel } from '@gearman/server';
import { SYSLOG_SEVERITIES } from './log-levels.ts';

const SYSLOG_DAEMON = 3;

interface Entry {
  readonly level: LogLevel;
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** How a line of the log looks. */
export interface LineStyle {
  readonly format: 'text' | 'json';
  readonly syslog: boolean;
}

/**
 * Rewrites a line of pino in the style that was asked for.
 *
 * Text: time, level, message, fields. For syslog the priority comes first, and neither time nor level, which its
 * reader adds.
 */
export function styleLine(line: string, { format, syslog }: LineStyle): string {
  if (format === 'json' && !syslog) return line;
  // pino has just made it of an object.
  const entry = JSON.parse(line) as Entry;
  const { level, time, msg, pid, ...fields } = entry;
  const priority = `<${SYSLOG_DAEMON * 8 + SYSLOG_SEVERITIES[level]}>gearmand[${String(pid)}]: `;
  if (format === 'json') return `${priority}${line}`;
  const details = Object.entries(fields).map(([key, value]) => ` ${key}=${show(value)}`);
  // A line end inside a message could pretend to be another entry.
  const text = msg.replaceAll(/[\r\n]+/g, ' ');
  const start = syslog ? priority : `${time} ${level} `;
  return `${start}${text}${details.join('')}\n`;
}

function show(value: unknown): string {
  const isError = typeof value === 'object' && value !== null && 'stack' in value && 'message' in value;
  return JSON.stringify(isError ? value.message : value);
}
