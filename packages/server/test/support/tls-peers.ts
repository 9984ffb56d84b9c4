import { once } from 'node:events';
import { connect as connectPlain, type Socket } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import { TestConnection } from './test-connection.ts';

/** An encrypted connection to the server under test, which closes with its test. */
export async function connectTls(port: number, options: ConnectionOptions): Promise<TlsPeer> {
  const socket = connect({ port, host: '127.0.0.1', ...options });
  socket.setNoDelay(true);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return new TlsPeer(socket);
}

export class TlsPeer extends TestConnection {
  readonly socket: TLSSocket;

  constructor(socket: TLSSocket) {
    super(socket);
    this.socket = socket;
  }

  /** Whom the server said it is. */
  get serverName(): string {
    return String(this.socket.getPeerCertificate().subject.CN);
  }
}

/** A connection that sends nothing by itself, and closes with its test. */
export async function connectSilently(port: number): Promise<Socket> {
  const socket = connectPlain({ port, host: '127.0.0.1' });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  socket.resume();
  await once(socket, 'connect');
  return socket;
}
