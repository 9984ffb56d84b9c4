import type { ServerAddress } from './address.ts';

/** What a transport tells its connection. */
export interface TransportHandlers {
  onConnect(): void;
  /** The bytes are valid during the call only: the buffer is used again for the next read. */
  onData(chunk: Uint8Array): void;
  onDrain(): void;
  /** Called once, with the error that caused it, if one did. Nothing follows. */
  onClose(error: Error | undefined): void;
}

/** Moves bytes to and from one job server. */
export interface Transport {
  /** Writes the pieces together, in order. False: more than is healthy is waiting; go on after `onDrain`. */
  write(pieces: readonly Uint8Array[]): boolean;
  /** Bytes accepted by `write` that the system has not taken yet. */
  readonly bufferedBytes: number;
  /**
   * Bytes that the system has taken so far, also of a piece that is not gone yet. Lets a heartbeat tell slow from dead;
   * left out where it cannot be known.
   */
  readonly takenBytes?: number;
  /** True while the connection is open and encryption is not agreed on; left out where there is none. */
  readonly handshaking?: boolean;
  /** Stops reading until `resume`. */
  pause(): void;
  resume(): void;
  /** Sends what is waiting, then closes. */
  end(): void;
  /** Closes now; what is waiting is lost. */
  destroy(): void;
}

/**
 * Opens a transport, one with TLS if the address says `tls: true`. It must call `onClose` for every failure, never throw,
 * and call no handler before it returned.
 */
export type Dial = (address: ServerAddress, handlers: TransportHandlers) => Transport;

/** A short reason for people: the system's code for one failure, all of them where several addresses were tried. */
export function describeFailure(error: Error | undefined): string {
  if (error === undefined) return 'closed by the server';
  const parts = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  const reasons = parts.map((part) => (part instanceof Error ? reasonOf(part) : String(part)));
  return [...new Set(reasons)].join(', ');
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'host not found',
  EAI_AGAIN: 'host name lookup failed',
  ETIMEDOUT: 'timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENOENT: 'no such socket',
  EACCES: 'permission denied',
  EPIPE: 'closed by the server',
};

function reasonOf(error: Error): string {
  // What OpenSSL reports has a long message and a short reason.
  const { code, reason } = error as NodeJS.ErrnoException & { readonly reason?: string };
  return (code === undefined ? undefined : REASONS[code]) ?? (reason || error.message || code || error.name);
}
