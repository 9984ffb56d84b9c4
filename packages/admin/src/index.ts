// What applications use.

export { type Admin, createAdmin } from './admin.ts';
export type { AdminEvent } from './admin-events.ts';
export type { DeadJobs, DeadJobsOf, DeadJobsReport, DeadListOptions } from './dead-jobs.ts';
export {
  type AdminFailure,
  AdminParseError,
  FunctionInUseError,
  NoAnswerError,
  NotFoundError,
  UnsupportedError,
} from './errors.ts';
export type { FunctionDelta } from './function-changes.ts';
export type { AdminOptions, CallOptions, PollOptions, QueueLimits, ServerCallOptions } from './options.ts';
export type { Answer, PerServer } from './per-server.ts';
export type { Snapshot } from './poll.ts';
export type {
  JobsReport,
  PausedReport,
  PriorityReport,
  SchedulesReport,
  StatusReport,
  UniqueJobsReport,
  WorkersReport,
} from './reports.ts';
export {
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
export type { DeadSelection, ServerAdmin } from './server-admin.ts';

// What other libraries use: reading answers that were recorded or came another way.

export {
  type Origin,
  parseDeadJobs,
  parseJobs,
  parsePaused,
  parsePid,
  parsePriorityStatus,
  parseSchedules,
  parseStatus,
  parseUniqueJobs,
  parseVerbosity,
  parseVersion,
  parseWorkers,
} from './parse.ts';
