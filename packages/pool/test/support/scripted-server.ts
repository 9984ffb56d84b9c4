import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { encodePacket, type Packet, type StreamMessage, StreamParser } from '@gearman/protocol';

/** What the scripted server does with each message of each connection. */
export type Script = (peer: Peer, message: StreamMessage) => void;

/** One connection, seen from the server. */
export class Peer {
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  send(...packets: readonly Packet[]): void {
    this.sendBytes(Buffer.concat(packets.flatMap((packet) => encodePacket(packet))));
  }

  sendBytes(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }
}

/** A job server that does what the test says. It knows which connections are still open. */
export class ScriptedServer {
  readonly peers = new Set<Peer>();
  /** Connections accepted so far. */
  accepted = 0;
  /** Messages received so far, of all connections. */
  readonly received: StreamMessage[] = [];
  /** How often the system was read: how many writes of the other side arrived, at least. */
  reads = 0;
  readonly #server: Server;
  readonly #waiting = new Set<() => void>();

  private constructor(script: Script, onPeer: (peer: Peer) => void) {
    this.#server = createServer((socket) => {
      const peer = new Peer(socket);
      const parser = new StreamParser();
      this.peers.add(peer);
      this.accepted++;
      socket.on('error', () => {});
      socket.on('close', () => {
        this.peers.delete(peer);
        this.#changed();
      });
      socket.on('data', (chunk: Buffer) => {
        this.reads++;
        for (const message of parser.push(chunk)) {
          this.received.push(message);
          script(peer, message);
        }
        this.#changed();
      });
      onPeer(peer);
      this.#changed();
    });
  }

  static async listen(
    script: Script = () => {},
    options: { readonly path?: string; readonly host?: string; readonly port?: number } = {},
    onPeer: (peer: Peer) => void = () => {},
  ): Promise<ScriptedServer> {
    const scripted = new ScriptedServer(script, onPeer);
    const { path, host = '127.0.0.1', port = 0 } = options;
    scripted.#server.listen(path === undefined ? { host, port } : { path });
    await once(scripted.#server, 'listening');
    return scripted;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening on TCP');
    return address.port;
  }

  /** Resolves once `isTrue` holds; looked at whenever a connection or a message came or went. */
  until(isTrue: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!isTrue()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** Ends every connection as a crash would, and listens no more. */
  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const { socket } of this.peers) socket.resetAndDestroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.listening ? this.stop() : Promise.resolve();
  }

  #changed(): void {
    for (const check of this.#waiting) check();
  }
}
