import { connect } from 'node:net';
import { SocketTransport, TCP_KEEPALIVE_MS } from './socket-transport.ts';
import { createTlsDial } from './tls-dial.ts';
import { parseTlsOptions, type TlsOptions } from './tls-options.ts';
import type { Dial } from './transport.ts';

const READ_BUFFER_BYTES = 64 * 1024;

/**
 * Dials with TCP or Unix sockets, and with TLS where the address says so. All plain sockets of one dialer read into one
 * buffer, one after the other.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for wrong TLS options
 */
export function createSocketDial(options: { readonly tls?: TlsOptions | undefined } = {}): Dial {
  const dialPlain = createPlainDial();
  const dialTls = createTlsDial(parseTlsOptions(options.tls ?? {}, 'createSocketDial()'));
  return (address, handlers) =>
    address.kind === 'tcp' && address.tls === true
      ? dialTls(address, handlers)
      : dialPlain(address, handlers);
}

function createPlainDial(): Dial {
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
