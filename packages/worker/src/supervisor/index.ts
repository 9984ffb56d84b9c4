// What applications use.

export { SandboxCrashError } from '../isolate/errors.ts';
export { type Isolated, type IsolatedHandler, type IsolatedOptions, isolated } from '../isolate/isolated.ts';
export type { SandboxJob } from '../isolate/sandbox-job.ts';
export { ModuleError } from './errors.ts';
export type { Teardown, WorkerModule } from './load-module.ts';
export type {
  ModuleOptions,
  ModuleSettings,
  ProcessWorkerOptions,
  RecycleOptions,
  RestartOptions,
  SupervisorOptions,
} from './options.ts';
export type { RecycleReason } from './recycle.ts';
export { createSupervisor, type Supervisor, type SupervisorStopOptions } from './supervisor.ts';
export type { ProcessEnd, ProcessState, SupervisorEvent, SupervisorReport } from './supervisor-events.ts';
