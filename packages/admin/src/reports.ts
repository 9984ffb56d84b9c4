import type { Answer, PerServer } from './per-server.ts';
import type {
  FunctionStatus,
  JobInfo,
  PriorityStatus,
  ScheduleInfo,
  UniqueJobInfo,
  WorkerInfo,
} from './schemas.ts';

/** The answer to {@link Admin.status}. */
export interface StatusReport extends PerServer<readonly FunctionStatus[]> {
  /** Every function that some server knows, by name, with the sums of all servers that answered. */
  readonly functions: readonly FunctionStatus[];
}

/** The answer to {@link Admin.priorityStatus}. */
export interface PriorityReport extends PerServer<readonly PriorityStatus[]> {
  /** Every function that some server knows, by name, with the sums of all servers that answered. */
  readonly functions: readonly PriorityStatus[];
}

/** The answer to {@link Admin.workers}. */
export interface WorkersReport extends PerServer<readonly WorkerInfo[]> {
  /** The connections of all servers that answered, by server and number. */
  readonly workers: readonly WorkerInfo[];
}

/** The answer to {@link Admin.jobs}. */
export interface JobsReport extends PerServer<readonly JobInfo[]> {
  /** The jobs of all servers that answered. */
  readonly jobs: readonly JobInfo[];
}

/** The answer to {@link Admin.uniqueJobs}. */
export interface UniqueJobsReport extends PerServer<readonly UniqueJobInfo[]> {
  /** The jobs of all servers that answered. */
  readonly jobs: readonly UniqueJobInfo[];
}

/** The answer to {@link Admin.schedules}. */
export interface SchedulesReport extends PerServer<readonly ScheduleInfo[]> {
  /** The schedules of all servers that answered. */
  readonly schedules: readonly ScheduleInfo[];
}

/** The answer to {@link Admin.paused}. */
export interface PausedReport extends PerServer<readonly string[]> {
  /** Functions that at least one server lets rest, by name. */
  readonly functionNames: readonly string[];
}

type Answers<T> = readonly Answer<readonly T[]>[];

/** One row per function, by name, with the counts of all servers added up. */
export const sumStatus = (answers: Answers<FunctionStatus>): FunctionStatus[] =>
  sum(answers, ['total', 'queued', 'running', 'workers']);

/** One row per function, by name, with the counts of all servers added up. */
export const sumPriorities = (answers: Answers<PriorityStatus>): PriorityStatus[] =>
  sum(answers, ['high', 'normal', 'low', 'workers']);

/** The rows of all servers, one after the other. */
export const joinRows = <T>(answers: Answers<T>): T[] => answers.flatMap(({ value }) => value);

interface Named {
  readonly functionName: string;
}
type Counts<T, K extends keyof T> = Named & { [N in K]: number };

/** Sorted by name, because servers list functions in the order of a hash table. */
function sum<K extends string, T extends Counts<T, K & keyof T>>(
  answers: Answers<T>,
  keys: readonly (K & keyof T)[],
): T[] {
  const rows = new Map<string, T>();
  for (const row of joinRows(answers)) {
    const before = rows.get(row.functionName);
    rows.set(row.functionName, before === undefined ? row : add(before, row, keys));
  }
  return [...rows.values()].sort((a, b) => compare(a.functionName, b.functionName));
}

function add<T>(a: T, b: T, keys: readonly (keyof T)[]): T {
  // The keys name counts only.
  const sums = keys.map((key) => [key, Number(a[key]) + Number(b[key])]);
  return { ...a, ...(Object.fromEntries(sums) as Partial<T>) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
