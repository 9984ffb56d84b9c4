// What applications use.

export type { JobCallbacks } from './callbacks.ts';
export type {
  Carried,
  CarriedBy,
  CarriedBytes,
  ContractOptions,
  JobOf,
} from './calls.ts';
export { type Client, createClient } from './client.ts';
export type { ClientEvent } from './client-events.ts';
export { MapError, OverflowError } from './collection-errors.ts';
export {
  JobCancelledError,
  JobExceptionError,
  JobFailedError,
  JobLostError,
  NoResultError,
  QueueFullError,
  ResponseTimeoutError,
  SubmitTimeoutError,
  SubmitUnknownError,
} from './errors.ts';
export type { HelpOptions } from './help.ts';
export type { Job } from './job.ts';
export type { JobCompletion, JobEvent, JobFailure, JobProgress, JobState } from './job-events.ts';
export type { CancelOutcome } from './job-host.ts';
export type { RunAt } from './job-intake.ts';
export type { Echo } from './job-queries.ts';
export type { AttemptFailure, Dedup, JobRules, KeepResult, ServerRetry } from './job-rules.ts';
export type { ResultOptions } from './kept-result.ts';
export type { MapOptions, MapResultsOptions, MapToOneOptions } from './map.ts';
export type { MapReduceBackgroundOptions, MapReduceOptions } from './map-reduce.ts';
export type { Inputs } from './map-run.ts';
export type { ClientMiddleware, JobRequest } from './middleware.ts';
export {
  type ContractSubmitter,
  type JobSubmitter,
  type Operator,
  type SubmitMapOptions,
  submitMap,
  takeResult,
  withProgress,
} from './operators.ts';
export type {
  BackgroundOptions,
  ClientOptions,
  ClientSettings,
  JobDefaults,
  Priority,
  SubmitDefaults,
  SubmitOptions,
} from './options.ts';
export type { Outcome } from './outcome.ts';
export type { Payload } from './payload.ts';
export type { RemoteError } from './remote-error.ts';
export type { RetryOptions } from './retry.ts';
export type { AnyRpc, Rpc, RpcCall, RpcOf, RpcOptions, RpcTree } from './rpc.ts';
export type { DayOfWeek, Schedule, Several } from './schedule.ts';
export type { ScheduleOptions } from './schedule-options.ts';
export type { JobStatus, QueryOptions, UniqueJobStatus } from './status.ts';
export type { JobStream } from './streams/job-stream.ts';
export { PayloadError } from './streams/payload-error.ts';
export type { JobPayload, PayloadSource } from './streams/payload-source.ts';
export type { ResultStreamOptions, StreamOptions } from './streams/stream-options.ts';
export type { BackgroundItem, ContractItem, SubmitItem } from './submit-many.ts';
export type { Task, TaskEvent, TaskResult } from './task-events.ts';
export type {
  ContractQueueOptions,
  TaskCallbacks,
  TaskOptions,
  TaskQueue,
  TaskQueueEvent,
  TaskQueueOptions,
  TaskQueueSettings,
} from './task-queue.ts';
export type { TaskReport, TaskSet, TaskSetOptions } from './task-set.ts';
