// What applications use.

export { type Client, createClient, type Echo, type Outcome } from './client.ts';
export type { ClientEvent } from './client-events.ts';
export {
  JobCancelledError,
  JobExceptionError,
  JobFailedError,
  JobLostError,
  QueueFullError,
  ResponseTimeoutError,
  SubmitTimeoutError,
  SubmitUnknownError,
} from './errors.ts';
export type { Job } from './job.ts';
export type { JobCompletion, JobEvent, JobFailure, JobProgress, JobState } from './job-events.ts';
export type {
  BackgroundOptions,
  ClientOptions,
  ClientSettings,
  Priority,
  SubmitDefaults,
  SubmitOptions,
} from './options.ts';
export type { Payload } from './payload.ts';
export type { RemoteError } from './remote-error.ts';
export type { JobStatus, QueryOptions, UniqueJobStatus } from './status.ts';
