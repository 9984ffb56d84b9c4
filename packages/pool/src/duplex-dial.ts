import type { Duplex } from 'node:stream';
import type { Dial, Transport } from './transport.ts';

/** Opens a stream to a job server; it may still be connecting. What it throws is a failed attempt. */
export type OpenStream = () => Duplex;

/**
 * Makes a dialer of a function that opens a Duplex: a socket that somebody else made, a tunnel, a pair of pipes.
 *
 * The stream belongs to the connection from then on. One with `connecting: true` counts as open at its event `connect`.
 */
export function createDuplexDial(open: OpenStream): Dial {
  return (_, handlers) => {
    let stream: Duplex;
    try {
      stream = open();
    } catch (error) {
      return failed(error, handlers.onClose);
    }
    let failure: Error | undefined;
    let closed = false;
    const onOpen = (): void => {
      if (!closed && !stream.destroyed) handlers.onConnect();
    };
    stream.on('data', (chunk: Uint8Array) => handlers.onData(chunk));
    stream.on('drain', () => handlers.onDrain());
    // A server that closes reads no more: do not wait until it took what is left.
    stream.once('end', () => stream.destroy());
    stream.on('error', (error) => {
      failure ??= error;
    });
    stream.once('close', () => {
      closed = true;
      handlers.onClose(failure);
    });
    if ('connecting' in stream && stream.connecting === true) stream.once('connect', onOpen);
    else queueMicrotask(onOpen);
    return new DuplexTransport(stream);
  };
}

class DuplexTransport implements Transport {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  get bufferedBytes(): number {
    return this.#stream.writableLength;
  }

  write(pieces: readonly Uint8Array[]): boolean {
    let more = true;
    this.#stream.cork();
    for (const piece of pieces) more = this.#stream.write(piece);
    this.#stream.uncork();
    return more;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

function failed(reason: unknown, onClose: (error: Error) => void): Transport {
  const error = reason instanceof Error ? reason : new Error(String(reason));
  // No handler may be called before the dialer has returned.
  queueMicrotask(() => onClose(error));
  return {
    bufferedBytes: 0,
    write: () => false,
    pause: () => {},
    resume: () => {},
    end: () => {},
    destroy: () => {},
  };
}
