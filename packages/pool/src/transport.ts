import { connect, type Socket } from 'node:net';
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
  /** Stops reading until `resume`. */
  pause(): void;
  resume(): void;
  /** Sends what is waiting, then closes. */
  end(): void;
  /** Closes now; what is waiting is lost. */
  destroy(): void;
}

/**
 * Opens a transport. It must call `onClose` for every failure, never throw, and call no handler before it returned.
 */
export type Dial = (address: ServerAddress, handlers: TransportHandlers) => Transport;

const READ_BUFFER_BYTES = 64 * 1024;
const TCP_KEEPALIVE_MS = 60_000;

/** Dials with TCP or Unix sockets. All sockets of one dialer read into one buffer, one after the other. */
export function createSocketDial(): Dial {
  const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  return (address, handlers) => {
    const target =
      address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
    const socket = connect({
      ...target,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEPALIVE_MS,
      // With a buffer of our own Node reads without allocating, 15 to 20 % faster than 'data' events.
      onread: {
        buffer,
        callback: (length, chunk) => {
          handlers.onData(chunk.subarray(0, length));
          return true;
        },
      },
    });
    // The pool decides what keeps the process alive, not a socket.
    socket.unref();
    let failure: Error | undefined;
    socket.once('connect', () => {
      // Again: a host with several addresses gets a new handle for each that is tried.
      socket.unref();
      handlers.onConnect();
    });
    // A server that closes reads no more: do not wait until it took what is left.
    socket.once('end', () => socket.destroy());
    socket.on('drain', () => handlers.onDrain());
    socket.on('error', (error) => {
      failure ??= error;
    });
    socket.once('close', () => handlers.onClose(failure));
    return new SocketTransport(socket);
  };
}

class SocketTransport implements Transport {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  write(pieces: readonly Uint8Array[]): boolean {
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined) return this.#socket.write(only);
    this.#socket.cork();
    let more = true;
    for (const piece of pieces) more = this.#socket.write(piece);
    this.#socket.uncork();
    return more;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

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
  const { code } = error as NodeJS.ErrnoException;
  return (code === undefined ? undefined : REASONS[code]) ?? (error.message || code || error.name);
}
