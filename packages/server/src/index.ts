// What applications use.

export type { Fate } from './engine/afterlife.ts';
// What the stores and tests of this project build on.
export type { Priority } from './engine/job.ts';
export type { JobEnd, RequeueReason } from './engine/observer.ts';
export type { AttemptFailure } from './engine/retry-policy.ts';
export { ListenError, SpoolError, StoreSilentError } from './errors.ts';
export type {
  BackoffOptions,
  DeadOptions,
  DedupOptions,
  FunctionOptions,
  KeepResultOptions,
  ServerRetryOptions,
} from './job-rules-options.ts';
export type { ServerLimits } from './limits.ts';
export type { LimitCounters, LimitName } from './net/limit-log.ts';
export type { ServerAddress } from './net/listen.ts';
export {
  type HttpOptions,
  type ListenOptions,
  LOG_LEVELS,
  type LogLevel,
  type ServerOptions,
} from './options.ts';
export {
  type CloseOptions,
  createServer,
  type Server,
} from './server.ts';
export type { ConnectionInfo, JobInfo, ServerEvent } from './server-events.ts';
export type { JobCounters } from './server-observer.ts';
export type { ServerStats } from './server-stats.ts';
export type { SpoolOptions } from './spool/spool-options.ts';
export type { StoreStats } from './store/durability.ts';
export { HANDLE_SETTINGS } from './store/handle-numbers.ts';
export type {
  JobStore,
  PayloadFileName,
  StoreBatch,
  StoreContent,
  StoredChange,
  StoredJob,
  StoredState,
  StoreOpenOptions,
  StoreOutcome,
  StoreUsage,
} from './store/store.ts';
export type { ServerTlsOptions } from './tls-options.ts';
export { VERSION } from './version.ts';
