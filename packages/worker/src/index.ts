// What applications use.

export { JobTimeoutError } from './errors.ts';
export type { ExceptionFormat } from './exception.ts';
export type { GrabStateName } from './grab-state.ts';
export type { WorkerJob } from './job.ts';
export type { RegisterOptions, StopOptions, WorkerOptions, WorkerSettings } from './options.ts';
export type { Handler, Registration } from './registry.ts';
export type { HandlerResult } from './result.ts';
export { createWorker, type Worker } from './worker.ts';
export type { WorkerEvent } from './worker-events.ts';
export type { StopReport, WorkerServerStatus, WorkerState, WorkerStatus } from './worker-status.ts';
