import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { encodePacket, response, type StreamMessage, StreamParser } from '@gearman/protocol';

/** A job server behind TLS that answers ECHO_REQ, and whatever else the test makes it do. */
export class TlsEchoServer {
  readonly server: Server;
  readonly port: number;
  /** The connections of which the handshake is done, oldest first. */
  readonly sockets: TLSSocket[] = [];

  private constructor(server: Server) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('secureConnection', (socket) => this.sockets.push(socket));
  }

  static async listen(
    options: TlsOptions,
    onMessage: (socket: TLSSocket, message: StreamMessage) => void = answerEcho,
  ): Promise<TlsEchoServer> {
    const server = createServer({ noDelay: true, ...options }, (socket) => {
      const parser = new StreamParser();
      socket.on('error', () => {});
      socket.on('data', (chunk: Buffer) => {
        for (const message of parser.push(chunk)) onMessage(socket, message);
      });
    });
    server.on('tlsClientError', () => {});
    server.listen({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    return new TlsEchoServer(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export function answerEcho(socket: TLSSocket, message: StreamMessage): void {
  if (message.type !== 'ECHO_REQ') return;
  for (const piece of encodePacket(response('ECHO_RES', { data: message.data }))) socket.write(piece);
}
