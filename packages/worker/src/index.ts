// What applications use.

export type { DeadLetter } from './attempt.ts';
export type { BatchHandler, BatchOptions } from './batch.ts';
export type {
  ServerOptions,
  SignalOptions,
  StopOptions,
  UnregisterOptions,
  WorkOnceOptions,
} from './call-options.ts';
export type { CodecHandler, ContractHandler, ContractJob, ContractResult } from './contract-job.ts';
export {
  defineWorker,
  type TaskContract,
  type TaskContracts,
  type TaskDefinition,
  type TaskJob,
  type WorkerDefinition,
  type WorkerDefinitionInput,
} from './define-worker.ts';
export { JobTimeoutError, NonRetryableError } from './errors.ts';
export type { ExceptionFormat } from './exception.ts';
export type { ExceptionMode } from './exception-rule.ts';
export { createFileStore, type ForwardStore, type StoredJob } from './forward-store.ts';
export type { FunctionStatus } from './function-reports.ts';
export type { GrabStateName } from './grab-state.ts';
export type { JobOutcome } from './job.ts';
export type { JobClient, JobClientOptions } from './job-client.ts';
export type { WorkerMiddleware } from './middleware.ts';
export type { WorkerOptions, WorkerSettings } from './options.ts';
export type { Partitioner, PartitionOptions } from './partition.ts';
export type { QueueLimit, RegisterOptions, StreamRegisterOptions } from './register-options.ts';
export type { Registration } from './registration.ts';
export type { FalsyHandler, Handler, StreamHandler } from './registry.ts';
export type { HandlerResult, ObservableLike, ResultPart, ResultParts } from './result.ts';
export type { Setup } from './setups.ts';
export {
  createStoreAndForward,
  type ForwardEvent,
  type StoreAndForward,
  type StoreAndForwardOptions,
} from './store-and-forward.ts';
export type { WorkOnceResult } from './work-once.ts';
export { createWorker, type Worker } from './worker.ts';
export type { WorkerEvent } from './worker-events.ts';
export type { ReleaseOptions, StreamJob, WorkerJob } from './worker-job.ts';
export type { WorkerPart } from './worker-part.ts';
export type {
  RestReason,
  StopReport,
  WorkerHealth,
  WorkerServerStatus,
  WorkerState,
  WorkerStatus,
} from './worker-status.ts';
