// What applications use.

export {
  DEFAULT_PORT,
  parseServers,
  type ServerAddress,
  type ServerInput,
  serverName,
  toServerInput,
} from './address.ts';
export type { Reconnect, ReconnectOptions } from './backoff.ts';
export type { ConnectionOptions, ConnectionSettings } from './connection-options.ts';
export type { ConnectionState, ConnectionStateName } from './connection-state.ts';
export {
  ClosedError,
  ConnectError,
  type ConnectFailure,
  ConnectionLostError,
  NoServersError,
  NoStreamingError,
  OptionRefusedError,
  ReplyTimeoutError,
  ServerError,
  type ServerFailure,
  TlsError,
  UnsupportedError,
} from './errors.ts';
export type { HeartbeatOptions } from './heartbeat.ts';
export type { OptionInput, PoolOptions, PoolSettings } from './options.ts';
export { createPool, type Pool } from './pool.ts';
export type { Dumped, PoolEvent } from './pool-events.ts';
export type { MaxQueue } from './registration.ts';
export type { ConnectAttempts, LostInfo, LostVerdict } from './retry.ts';
export type { RemoveOptions } from './server-list.ts';
export type { ServerState } from './server-state.ts';
export type { Candidate, ChoiceFor, ChooseServer, Strategy } from './strategies.ts';
export type { TlsOptions } from './tls-options.ts';
export type { EchoAnswer, ReadyOptions, WaitOptions } from './wait-options.ts';

// What other libraries use: the wire of one server, own transports, options to extend.

export type { Connection } from './connection.ts';
export type { OpenStream } from './duplex-dial.ts';
export { parsePoolOptions, poolOptionsShape } from './options.ts';
export type { PoolUser } from './pool-user.ts';
export type { AnsweredRequest, CommandAnswer, LinesHandler, ReplyHandler, ReplyTo } from './reply-queue.ts';
export { createSocketDial, type SocketDialOptions } from './socket-dial.ts';
export type { Dial, Transport, TransportHandlers } from './transport.ts';
