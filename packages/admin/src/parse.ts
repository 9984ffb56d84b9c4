import { ServerError } from '@gearman/pool';
import { decodeText, type GearmanError } from '@gearman/protocol';
import type { z } from 'zod';
import { AdminParseError, UnsupportedError } from './errors.ts';
import {
  Count,
  DeadJobInfo,
  FunctionStatus,
  JobInfo,
  PriorityStatus,
  ProcessId,
  ScheduleInfo,
  UniqueJobInfo,
  Verbosity,
  Version,
  WorkerInfo,
} from './schemas.ts';

/** Whose answer is read. */
export interface Origin {
  /** The server as `host:port`. */
  readonly server: string;
  /** The command that was answered. */
  readonly command: string;
}

// Names come first and may hold spaces and tabs, so lines are read from their right end.
const FUNCTION_LINE = /^(.*)\t(\d+)\t(\d+)\t(\d+)$/s;
const PRIORITY_LINE = /^(.*)\t(\d+)\t(\d+)\t(\d+)\t(\d+)$/s;
const JOB_LINE = /^([^\t]+)\t(\d+)\t([01])\t([01])$/;
// The first " :" ends the client id: addresses may hold colons, and names of functions more often than client ids.
const WORKER_LINE = /^(\d+) (\S+) (.*?) :(?: (.*))?$/s;

/** Reads the answer to `status`; throws AdminParseError as all functions here do. */
export function parseStatus(lines: readonly string[], origin: Origin): FunctionStatus[] {
  return matchAll(listOf(lines, origin), FUNCTION_LINE, origin).map(([line, name, ...counts]) => {
    const [total, running, workers] = toNumbers(counts);
    // Servers other than gearmand may count running jobs apart.
    const queued = Math.max(0, total - running);
    const value = { functionName: toName(name), total, queued, running, workers };
    return check(FunctionStatus, value, line, origin);
  });
}

/** Reads the answer to `prioritystatus`. */
export function parsePriorityStatus(lines: readonly string[], origin: Origin): PriorityStatus[] {
  return matchAll(listOf(lines, origin), PRIORITY_LINE, origin).map(([line, name, ...counts]) => {
    const [high, normal, low, workers] = toNumbers(counts);
    const value = { functionName: toName(name), high, normal, low, workers };
    return check(PriorityStatus, value, line, origin);
  });
}

/** Reads the answer to `workers`. */
export function parseWorkers(lines: readonly string[], origin: Origin): WorkerInfo[] {
  return matchAll(listOf(lines, origin), WORKER_LINE, origin).map(
    ([line, connectionId, address = '', clientId = '', functions = '']) => {
      const value = {
        server: origin.server,
        connectionId: Number(connectionId),
        address,
        clientId: clientId === '-' ? null : toName(clientId),
        functionNames: functions === '' ? [] : functions.split(' ').map(toName),
      };
      return check(WorkerInfo, value, line, origin);
    },
  );
}

/** Reads the answer to `show jobs`. */
export function parseJobs(lines: readonly string[], origin: Origin): JobInfo[] {
  return listOf(lines, origin).map((line) => {
    const [, handle, retries, abandoned, stored] = JOB_LINE.exec(line) ?? [];
    const value = {
      server: origin.server,
      handle,
      retries: Number(retries),
      abandoned: abandoned === '1',
      stored: stored === '1',
    };
    return check(JobInfo, value, line, origin);
  });
}

/** Reads the answer to `show unique jobs`. */
export function parseUniqueJobs(lines: readonly string[], origin: Origin): UniqueJobInfo[] {
  return listOf(lines, origin).map((line) =>
    check(UniqueJobInfo, { server: origin.server, uniqueId: toName(line) }, line, origin),
  );
}

/** Reads the answer to `show schedules`. */
export function parseSchedules(lines: readonly string[], origin: Origin): ScheduleInfo[] {
  return listOf(lines, origin).map((line) => {
    const [handle, functionName, cron, timeZone, next = '', last = '', state, runs, uniqueId] =
      line.split('\t');
    const value = {
      server: origin.server,
      handle,
      functionName: toName(functionName),
      cron: toName(cron),
      timeZone,
      nextRun: toTime(next),
      lastRun: toTime(last),
      state,
      runs: Number(runs),
      uniqueId: toName(uniqueId),
    };
    return check(ScheduleInfo, value, line, origin);
  });
}

/** Reads the answer to `show paused`. */
export function parsePaused(lines: readonly string[], origin: Origin): string[] {
  return listOf(lines, origin).map((line) => toName(line));
}

/** Reads the answer to `dead list`. */
export function parseDeadJobs(lines: readonly string[], origin: Origin): DeadJobInfo[] {
  return listOf(lines, origin).map((line) => {
    const [handle, functionName, uniqueId, attempts, reason, diedAtMs, ...detail] = line.split('\t');
    const value = {
      server: origin.server,
      handle,
      functionName: toName(functionName),
      uniqueId: toName(uniqueId),
      attempts: Number(attempts),
      reason,
      diedAt: new Date(Number(diedAtMs)),
      detail: toName(detail.join('\t')),
    };
    return check(DeadJobInfo, value, line, origin);
  });
}

/** Reads the answer of a command that says of how many jobs it was done. */
export function parseCount(lines: readonly string[], origin: Origin): number {
  const value = oneValue(lines, origin);
  return check(Count, value === '' ? Number.NaN : Number(value), lines[0], origin);
}

/** Reads the answer to `version`. */
export function parseVersion(lines: readonly string[], origin: Origin): string {
  return check(Version, oneValue(lines, origin), lines[0], origin);
}

/** Reads the answer to `getpid`. */
export function parsePid(lines: readonly string[], origin: Origin): number {
  const value = oneValue(lines, origin);
  return check(ProcessId, value === '' ? Number.NaN : Number(value), lines[0], origin);
}

/** Reads the answer to `verbose`. */
export function parseVerbosity(lines: readonly string[], origin: Origin): Verbosity {
  return check(Verbosity, oneValue(lines, origin), lines[0], origin);
}

/** Reads the answer to a command that only says that it is done, once or several times. */
export function parseDone(lines: readonly string[], origin: Origin): void {
  const refusal = lines.find(isError);
  if (refusal !== undefined) throw toError(refusal, origin);
  const strange = lines.find((line) => !/^OK\b/.test(line));
  if (strange !== undefined || lines.length === 0) throw failure(strange ?? '', origin, 'expected OK');
}

/** True for a line with which a server refuses a command. */
export function isError(line: string): boolean {
  return line.startsWith('ERR');
}

/** What a line that begins with `ERR` means. */
export function toError(line: string, { server, command }: Origin): GearmanError {
  const [, code = '', text = ''] = /^ERR ?(\S*) ?(.*)$/s.exec(line) ?? [];
  if (/^UNKNOWN_(COMMAND|SHOW_ARGUMENTS)$/i.test(code)) return new UnsupportedError(server, command);
  // Codes are upper case, or lower case with an underscore; what has neither is a sentence.
  if (/^[A-Z_]+$/.test(code) || code.includes('_')) {
    return new ServerError(server, code, decodeText(text.replaceAll('+', ' ')));
  }
  return new ServerError(server, 'ERR', decodeText(line.replace(/^ERR ?/, '')));
}

/** The lines of a list, without the full stop behind them. Only that stop tells a list from a line that begins with `ERR`. */
function listOf(lines: readonly string[], origin: Origin): readonly string[] {
  if (lines.at(-1) === '.') return lines.slice(0, -1);
  const [first] = lines;
  if (lines.length === 1 && first !== undefined && isError(first)) throw toError(first, origin);
  throw failure(lines.at(-1) ?? '', origin, 'expected a list that ends with a full stop');
}

function oneValue(lines: readonly string[], origin: Origin): string {
  const [line = ''] = lines;
  if (isError(line)) throw toError(line, origin);
  if (lines.length !== 1) throw failure(line, origin, `expected one line, got ${lines.length}`);
  // Perl's server leaves the OK out.
  return line.replace(/^OK ?/, '');
}

/**
 * Matches each line. One that does not match is the beginning of a name with a line feed inside, which nobody escapes:
 * it is tried again with the lines behind it. So a peer with a hostile name spoils no listing.
 */
function matchAll(lines: readonly string[], pattern: RegExp, origin: Origin): RegExpExecArray[] {
  const matches: RegExpExecArray[] = [];
  let pending = '';
  for (const line of lines) {
    const match = pattern.exec(pending + line);
    if (match !== null) matches.push(match);
    pending = match === null ? `${pending}${line}\n` : '';
  }
  if (pending !== '') throw failure(pending.slice(0, -1), origin, 'the line does not have the expected form');
  return matches;
}

function toNumbers(texts: readonly string[]): [number, number, number, number] {
  const [a = 0, b = 0, c = 0, d = 0] = texts.map(Number);
  return [a, b, c, d];
}

function toTime(text: string): Date | null {
  return text === '-' ? null : new Date(text);
}

const ESCAPE = /\\x([0-9a-fA-F]{2})/g;

/** A name as people wrote it. Our server escapes as `\xHH` what would break a line; gearmand sends bytes as they are. */
function toName(bytes = ''): string {
  const raw = bytes.includes('\\')
    ? bytes.replaceAll(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : bytes;
  return decodeText(raw);
}

function check<T>(schema: z.ZodType<T>, value: unknown, line: string | undefined, origin: Origin): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw failure(line ?? '', origin, `${path}${issue?.message ?? 'not as expected'}`);
}

function failure(line: string, { server, command }: Origin, problem: string): AdminParseError {
  return new AdminParseError(server, command, line, problem);
}
