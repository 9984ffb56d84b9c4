import { z } from 'zod';

/** What `status` says about one function. */
export interface FunctionStatus {
  readonly functionName: string;
  /** Jobs in the server, those that run included. */
  readonly total: number;
  /** Jobs that no worker has: `total` less `running`. */
  readonly queued: number;
  /** Jobs that a worker has. */
  readonly running: number;
  /** Registrations of workers. One that is connected to several servers counts on each. */
  readonly workers: number;
}

/** What `prioritystatus` says about one function. Jobs that a worker has are not counted. */
export interface PriorityStatus {
  readonly functionName: string;
  readonly high: number;
  readonly normal: number;
  readonly low: number;
  readonly workers: number;
}

/** One connection of a server, as `workers` lists it: of workers, of clients, and the asking one too. */
export interface WorkerInfo {
  /** The server that lists it, as `host:port`. */
  readonly server: string;
  /** The number of the connection in its server; gearmand's file descriptor. */
  readonly connectionId: number;
  /** Where it comes from, as the server prints it; usually a numeric address without port. */
  readonly address: string;
  /** What it named itself with SET_CLIENT_ID; null if it did not. */
  readonly clientId: string | null;
  /** What it registered, newest first. Empty for clients. A name with spaces comes in pieces: gearmand quotes nothing. */
  readonly functionNames: readonly string[];
}

/** What `show jobs` says about one job. */
export interface JobInfo {
  /** The server that has it, as `host:port`. */
  readonly server: string;
  readonly handle: string;
  /** How many workers it has lost. */
  readonly retries: number;
  /** Cancelled, or left by its last client. */
  readonly abandoned: boolean;
  /** A background job, which is in the durable queue of a server that has one. */
  readonly stored: boolean;
}

/** What `show unique jobs` says about one job. */
export interface UniqueJobInfo {
  /** The server that has it, as `host:port`. */
  readonly server: string;
  /** Empty for a job without one. */
  readonly uniqueId: string;
}

/** What `show schedules` says about one schedule. */
export interface ScheduleInfo {
  /** The server that has it, as `host:port`. */
  readonly server: string;
  /** It begins with `S:`. */
  readonly handle: string;
  readonly functionName: string;
  /** Five fields as cron has them, or six with the seconds in front; 0 is Sunday. */
  readonly cron: string;
  /** IANA name. */
  readonly timeZone: string;
  /** Null while it is paused. */
  readonly nextRun: Date | null;
  /** When it last submitted a job; null if it never did. */
  readonly lastRun: Date | null;
  readonly state: 'active' | 'paused';
  /** Jobs it has submitted by itself. */
  readonly runs: number;
  /** Empty for a schedule without one. */
  readonly uniqueId: string;
}

/** What `dead list` says about one background job that failed for good. */
export interface DeadJobInfo {
  /** The server that has it, as `host:port`. */
  readonly server: string;
  readonly handle: string;
  readonly functionName: string;
  /** Empty for a job without one. */
  readonly uniqueId: string;
  /** How many runs of it have come to nothing. */
  readonly attempts: number;
  /** How the last one did: `fail`, `exception`, `timeout`, `worker-lost`, `function-withdrawn`, or `expired` before it began. */
  readonly reason: string;
  /** When it died. */
  readonly diedAt: Date;
  /** What its worker said of the failure; the beginning of it if it is long. */
  readonly detail: string;
}

const count = z.number().int().nonnegative();

export const FunctionStatus: z.ZodType<FunctionStatus> = z.strictObject({
  functionName: z.string(),
  total: count,
  queued: count,
  running: count,
  workers: count,
});

export const PriorityStatus: z.ZodType<PriorityStatus> = z.strictObject({
  functionName: z.string(),
  high: count,
  normal: count,
  low: count,
  workers: count,
});

export const WorkerInfo: z.ZodType<WorkerInfo> = z.strictObject({
  server: z.string(),
  connectionId: count,
  address: z.string(),
  clientId: z.string().nullable(),
  functionNames: z.array(z.string()),
});

export const JobInfo: z.ZodType<JobInfo> = z.strictObject({
  server: z.string(),
  handle: z.string().min(1),
  retries: count,
  abandoned: z.boolean(),
  stored: z.boolean(),
});

export const UniqueJobInfo: z.ZodType<UniqueJobInfo> = z.strictObject({
  server: z.string(),
  uniqueId: z.string(),
});

export const ScheduleInfo: z.ZodType<ScheduleInfo> = z.strictObject({
  server: z.string(),
  handle: z.string().min(1),
  functionName: z.string(),
  cron: z.string().min(1),
  timeZone: z.string().min(1),
  nextRun: z.date().nullable(),
  lastRun: z.date().nullable(),
  state: z.enum(['active', 'paused']),
  runs: count,
  uniqueId: z.string(),
});

export const DeadJobInfo: z.ZodType<DeadJobInfo> = z.strictObject({
  server: z.string(),
  handle: z.string().min(1),
  functionName: z.string(),
  uniqueId: z.string(),
  attempts: count,
  reason: z.string().min(1),
  diedAt: z.date(),
  detail: z.string(),
});

/** The answer to `version`, for example `1.1.20`. */
export const Version: z.ZodType<string> = z.string().min(1);

/** A number of jobs. */
export const Count: z.ZodType<number> = count;

/** The answer to `getpid`. */
export const ProcessId: z.ZodType<number> = count;

/** How much a server logs. */
export type Verbosity = 'FATAL' | 'ALERT' | 'CRITICAL' | 'ERROR' | 'WARNING' | 'NOTICE' | 'INFO' | 'DEBUG';

/** The answer to `verbose`. */
export const Verbosity: z.ZodType<Verbosity> = z.enum([
  'FATAL',
  'ALERT',
  'CRITICAL',
  'ERROR',
  'WARNING',
  'NOTICE',
  'INFO',
  'DEBUG',
]);
