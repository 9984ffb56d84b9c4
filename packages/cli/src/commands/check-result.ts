import type { AdminFailure, FunctionStatus } from '@gearman/admin';
import { printable } from './table.ts';

/** The exit codes of Nagios plugins. */
export const NAGIOS = { ok: 0, warning: 1, critical: 2, unknown: 3 } as const;
type Level = 'ok' | 'warning' | 'critical';

/** From where on it is bad. */
export interface Thresholds {
  readonly queueWarn: number | undefined;
  readonly queueCrit: number | undefined;
  readonly workersWarn: number | undefined;
  readonly workersMin: number | undefined;
  /** The functions that must be there; all that are, where none is named. */
  readonly functions: readonly string[];
}

/** What `gearman check` says: one line, with figures behind a bar. */
export interface CheckResult {
  readonly exitCode: number;
  readonly line: string;
}

interface Finding {
  readonly level: Level;
  readonly text: string;
}

/** Judges the servers by what they said. */
export function judge(
  all: readonly FunctionStatus[],
  failures: readonly AdminFailure[],
  thresholds: Thresholds,
): CheckResult {
  const { functions: wanted } = thresholds;
  const functions =
    wanted.length === 0 ? all : all.filter(({ functionName }) => wanted.includes(functionName));
  const known = new Set(functions.map(({ functionName }) => functionName));
  const findings: Finding[] = [
    ...failures.map(({ error }): Finding => ({ level: 'critical', text: error.message })),
    ...wanted
      .filter((name) => !known.has(name))
      .map((name): Finding => ({ level: 'critical', text: `no server knows the function ${name}` })),
    ...functions.flatMap((row) => findingsOf(row, thresholds)),
  ];
  const level =
    (['critical', 'warning'] as const).find((each) => findings.some((finding) => finding.level === each)) ??
    'ok';
  // The worst first; what is less bad is said, too.
  const texts = [...findings].sort((a, b) => NAGIOS[b.level] - NAGIOS[a.level]).map(({ text }) => text);
  const summary = texts.length === 0 ? summaryOf(functions) : texts.join('; ');
  const figures = functions.flatMap((row) => figuresOf(row, thresholds)).join(' ');
  const line = `GEARMAN ${level.toUpperCase()}: ${printable(summary).replaceAll('|', '/')}`;
  return { exitCode: NAGIOS[level], line: figures === '' ? line : `${line} | ${figures}` };
}

function findingsOf({ functionName, queued, workers }: FunctionStatus, limits: Thresholds): Finding[] {
  const { queueWarn, queueCrit, workersWarn, workersMin } = limits;
  const findings: Finding[] = [];
  const queue = `${functionName} has ${queued} waiting ${queued === 1 ? 'job' : 'jobs'}`;
  if (queueCrit !== undefined && queued >= queueCrit) findings.push({ level: 'critical', text: queue });
  else if (queueWarn !== undefined && queued >= queueWarn) findings.push({ level: 'warning', text: queue });
  const staff = `${functionName} has ${workers} ${workers === 1 ? 'worker' : 'workers'}`;
  if (workersMin !== undefined && workers < workersMin) findings.push({ level: 'critical', text: staff });
  else if (workersWarn !== undefined && workers < workersWarn)
    findings.push({ level: 'warning', text: staff });
  return findings;
}

function summaryOf(functions: readonly FunctionStatus[]): string {
  const sum = (of: (row: FunctionStatus) => number): number =>
    functions.reduce((all, row) => all + of(row), 0);
  return `${functions.length} functions, ${sum(({ queued }) => queued)} waiting, ${sum(({ running }) => running)} running`;
}

/** Performance data: `'label'=value;warn;crit;min`. A range that ends below is written `n:`. */
function figuresOf({ functionName, queued, running, workers }: FunctionStatus, limits: Thresholds): string[] {
  const label = (what: string): string =>
    `'${printable(functionName).replaceAll("'", "''").replaceAll('=', '_')} ${what}'`;
  const below = (limit: number | undefined): string => (limit === undefined ? '' : `${limit}:`);
  return [
    `${label('waiting')}=${queued};${limits.queueWarn ?? ''};${limits.queueCrit ?? ''};0`,
    `${label('running')}=${running};;;0`,
    `${label('workers')}=${workers};${below(limits.workersWarn)};${below(limits.workersMin)};0`,
  ];
}
