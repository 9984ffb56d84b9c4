import { GearmanError } from '@gearman/protocol';

/** Why one server could not be used. */
export interface ServerFailure {
  /** The server as `host:port`. */
  readonly server: string;
  /** The last error of its connection; undefined while nothing has failed yet. */
  readonly error: Error | undefined;
}

/** A connection could not be opened. In a pool an event, not an exception: it tries again. */
export class ConnectError extends GearmanError {
  override readonly name = 'ConnectError';
  readonly code = 'ERR_GEARMAN_CONNECT';
  override readonly retryable = true;
  readonly server: string;

  constructor(server: string, reason: string, options?: ErrorOptions) {
    super(`${server}: ${reason}`, options);
    this.server = server;
  }
}

/**
 * A server could be reached, but no encrypted connection came about: a certificate that is not accepted on one side or
 * the other, or a server that speaks plain text. In a pool an event, not an exception: it tries again.
 */
export class TlsError extends GearmanError {
  override readonly name = 'TlsError';
  readonly code = 'ERR_GEARMAN_TLS';
  override readonly retryable = true;
  readonly server: string;
  /** What to do about it, in plain words. */
  readonly hint: string;

  constructor(server: string, reason: string, hint: string, options?: ErrorOptions) {
    super(`${server}: ${reason}; ${hint}`, options);
    this.server = server;
    this.hint = hint;
  }
}

/** A server refused an option without which it is not used. In a pool an event, not an exception: it tries again. */
export class OptionRefusedError extends GearmanError {
  override readonly name: string = 'OptionRefusedError';
  readonly code: `ERR_GEARMAN_${string}` = 'ERR_GEARMAN_OPTION_REFUSED';
  override readonly retryable = true;
  readonly server: string;
  readonly option: string;

  constructor(server: string, option: string, options?: ErrorOptions) {
    super(`${server}: the server refuses the option "${option}", which is required`, options);
    this.server = server;
    this.option = option;
  }
}

/** An {@link OptionRefusedError} for `streaming`: the server, for example gearmand, has no streaming mode. */
export class NoStreamingError extends OptionRefusedError {
  override readonly name = 'NoStreamingError';
  override readonly code = 'ERR_GEARMAN_NO_STREAMING';

  constructor(server: string, options?: ErrorOptions) {
    super(server, 'streaming', options);
  }
}

/** What an attempt to connect fails of. */
export type ConnectFailure = ConnectError | TlsError | OptionRefusedError;

export function isConnectFailure(error: unknown): error is ConnectFailure {
  return error instanceof ConnectError || error instanceof TlsError || error instanceof OptionRefusedError;
}

/** No job server could be used in the time given. Nothing was sent. */
export class NoServersError extends GearmanError {
  override readonly name = 'NoServersError';
  readonly code = 'ERR_GEARMAN_NO_SERVERS';
  override readonly retryable = true;
  /** Each server and why it failed. */
  readonly failures: readonly ServerFailure[];

  constructor(message: string, failures: readonly ServerFailure[]) {
    super(message);
    this.failures = failures;
  }
}

/** A connection that was open is gone. What had been sent and not answered may or may not have happened. */
export class ConnectionLostError extends GearmanError {
  override readonly name = 'ConnectionLostError';
  readonly code = 'ERR_GEARMAN_CONNECTION_LOST';
  readonly server: string;
  /** Why, in words. */
  readonly reason: string;

  constructor(server: string, reason: string, options?: ErrorOptions) {
    super(`connection to ${server} lost: ${reason}`, options);
    this.server = server;
    this.reason = reason;
  }
}

/** The server did not answer a request in time. Whether it acted on it is unknown. */
export class ReplyTimeoutError extends GearmanError {
  override readonly name = 'ReplyTimeoutError';
  readonly code = 'ERR_GEARMAN_REPLY_TIMEOUT';
  readonly server: string;
  readonly timeoutMs: number;

  constructor(server: string, request: string, timeoutMs: number) {
    super(`${server} did not answer ${request} within ${timeoutMs} ms`);
    this.server = server;
    this.timeoutMs = timeoutMs;
  }
}

/** The server answered with an ERROR packet, or with an `ERR` line to a text command. */
export class ServerError extends GearmanError {
  override readonly name = 'ServerError';
  readonly code = 'ERR_GEARMAN_SERVER';
  readonly server: string;
  /** The server's own code, for example `QUEUE_ERROR`. */
  readonly serverCode: string;
  /** The server's own text. */
  readonly serverText: string;

  constructor(server: string, serverCode: string, serverText: string) {
    super(`${server} refused: ${serverCode}${serverText === '' ? '' : ` (${serverText})`}`);
    this.server = server;
    this.serverCode = serverCode;
    this.serverText = serverText;
  }
}

/** The server does not know this packet, text command or extension. */
export class UnsupportedError extends GearmanError {
  override readonly name = 'UnsupportedError';
  readonly code = 'ERR_GEARMAN_UNSUPPORTED';
  readonly server: string;
  readonly command: string;

  constructor(
    server: string,
    command: string,
    options?: ErrorOptions,
    message = `${server} does not know the command ${command}`,
  ) {
    super(message, options);
    this.server = server;
    this.command = command;
  }
}

/** The pool, client, worker or admin was closed before or while this was asked for. */
export class ClosedError extends GearmanError {
  override readonly name = 'ClosedError';
  readonly code = 'ERR_GEARMAN_CLOSED';
}
