import type { LogLevel } from '@gearman/server';

/** How grave each level is, in the numbers of pino: the larger, the graver. */
export const PINO_LEVELS: Readonly<Record<LogLevel, number>> = {
  DEBUG: 20,
  INFO: 30,
  NOTICE: 35,
  WARNING: 40,
  ERROR: 50,
  CRITICAL: 55,
  ALERT: 58,
  FATAL: 60,
};

/** The numbers of syslog (RFC 5424, 6.2.1). What is fatal for gearmand is an emergency there. */
export const SYSLOG_SEVERITIES: Readonly<Record<LogLevel, number>> = {
  FATAL: 0,
  ALERT: 1,
  CRITICAL: 2,
  ERROR: 3,
  WARNING: 4,
  NOTICE: 5,
  INFO: 6,
  DEBUG: 7,
};
