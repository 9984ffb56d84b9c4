// What applications use.

export { DEFAULT_PORT, parseServers, type ServerAddress, type ServerInput, serverName } from './address.ts';
export type { ReconnectOptions } from './backoff.ts';
export type { ConnectionState, ConnectionStateName } from './connection-state.ts';
export {
  ClosedError,
  ConnectError,
  ConnectionLostError,
  NoServersError,
  ReplyTimeoutError,
  ServerError,
  type ServerFailure,
  TlsError,
} from './errors.ts';
export type { PoolOptions, PoolSettings } from './options.ts';
export { createPool, type Pool, type PoolUser, type ServerState, type WaitOptions } from './pool.ts';
export type { PoolEvent } from './pool-events.ts';
export type { Strategy } from './strategies.ts';
export type { TlsOptions } from './tls-options.ts';

// What other libraries use: the wire of one server, own transports, options to extend.

export type { Connection } from './connection.ts';
export { parsePoolOptions, poolOptionsShape } from './options.ts';
export type { AnsweredRequest, CommandAnswer, LinesHandler, ReplyHandler, ReplyTo } from './reply-queue.ts';
export { createSocketDial } from './socket-dial.ts';
export type { Dial, Transport, TransportHandlers } from './transport.ts';
