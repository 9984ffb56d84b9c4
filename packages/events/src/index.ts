// What applications meet.

export type { Clock, Timer } from './clock.ts';
export { systemClock } from './clock.ts';
export { type Logger, silentLogger } from './logger.ts';
export { type EventOf, type ListenerErrorEvent, TypedEmitter, type TypedEvent } from './typed-emitter.ts';

// What the other packages build on.

export { Observable } from 'rxjs';
export { DirectoryLock, type FoundHolder, findHolder } from './directory-lock.ts';
export { iterateEvents } from './iterate.ts';
export { type EventSource, observe } from './observe.ts';
export { type OptionsSchema, parseOptions } from './options.ts';
export {
  loadTlsMaterial,
  type Pem,
  type PemOptions,
  type PemSource,
  pemSources,
  type TlsMaterial,
  type TlsSources,
} from './tls-material.ts';
