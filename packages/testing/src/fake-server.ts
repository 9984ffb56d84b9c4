import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Packet, RequestType, ResponseType, StreamMessage } from '@gearman/protocol';
import { FakePeer, type FakePeerOwner } from './fake-peer.ts';
import type { Rudeness } from './rude.ts';
import type { TestServer } from './test-servers.ts';

/** What a fake server does with each message. */
export type OnMessage = (peer: FakePeer, message: StreamMessage) => void;

/** What a fake server does, connection by connection. Whatever is left out does nothing. */
export interface FakeScript {
  onConnect?(peer: FakePeer): void;
  /** Without it messages wait for {@link FakePeer.next} and {@link FakePeer.expect}. */
  onMessage?: OnMessage;
  /** A message has begun and is not complete. Called for each of its chunks, with the bytes held in memory so far. */
  onPartial?(peer: FakePeer, bufferedBytes: number): void;
  onClose?(peer: FakePeer): void;
}

/** Where a fake server listens. */
export interface FakeServerOptions {
  /** @defaultValue `'127.0.0.1'` */
  readonly host?: string;
  /** @defaultValue 0, a free one */
  readonly port?: number;
  /** A Unix socket instead. */
  readonly path?: string;
}

/**
 * Starts a server on a real socket that does what the test says, and resolves when it accepts connections.
 *
 * Say it with a script, message by message, or step by step with {@link FakeServer.peer} and {@link FakePeer.expect}, or
 * start from {@link jobServer}, which is honest, and be rude at one point with {@link FakeServer.onNext} and
 * {@link FakeServer.insteadOfNext}.
 *
 * @param script a {@link FakeScript}, or its `onMessage` alone
 */
export async function fakeServer(
  script: FakeScript | OnMessage = {},
  options: FakeServerOptions = {},
): Promise<FakeServer> {
  const server = new FakeServer(typeof script === 'function' ? { onMessage: script } : script);
  await server.listen(options);
  return server;
}

/** A job server that does what the test says. It knows which connections are still open. */
export class FakeServer implements TestServer {
  readonly name = 'a fake server';
  /** Messages received so far, of all connections. */
  readonly received: StreamMessage[] = [];
  readonly #script: FakeScript;
  readonly #listener: Server;
  readonly #peers = new Set<FakePeer>();
  readonly #waiting = new Set<() => void>();
  readonly #requests = new Map<string, Rudeness[]>();
  readonly #replies = new Map<string, Rudeness[]>();
  #port: number | undefined;
  #accepted = 0;
  #reads = 0;

  /** @internal use {@link fakeServer} */
  constructor(script: FakeScript) {
    this.#script = script;
    const owner = this.#owner();
    this.#listener = createServer({ noDelay: true }, (socket) => {
      const peer = new FakePeer(socket, owner);
      this.#peers.add(peer);
      this.#accepted++;
      script.onConnect?.(peer);
      this.#changed();
    });
  }

  /** The connections that are open, oldest first. */
  get peers(): ReadonlySet<FakePeer> {
    return this.#peers;
  }

  /** Connections accepted so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** How often the system was read: the other side wrote at least as often, unless its writes met on the way. */
  get reads(): number {
    return this.#reads;
  }

  /** Its port, also when it has stopped: another server may take its place. */
  get port(): number {
    if (this.#port === undefined) throw new Error('a server on a Unix socket has no port');
    return this.#port;
  }

  /** `127.0.0.1:port`, as clients and workers want it. */
  get server(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** @internal */
  async listen({ path, host = '127.0.0.1', port = 0 }: FakeServerOptions): Promise<void> {
    this.#listener.listen(path === undefined ? { host, port } : { path });
    await once(this.#listener, 'listening');
    const address = this.#listener.address();
    if (typeof address === 'object') this.#port = address?.port;
  }

  /** The connection that is open, as soon as there is one; of several the oldest. */
  async peer(): Promise<FakePeer> {
    await this.until(() => this.#peers.size > 0);
    for (const peer of this.#peers) return peer;
    throw new Error('the connection was closed at once');
  }

  /** The next request of this type goes to `act` and not to the script. Several calls are for several requests. */
  onNext<T extends RequestType>(type: T, act: Rudeness<T>): void {
    add(this.#requests, type, act);
  }

  /** Where the script would next send a packet of this type, `act` happens instead. Several calls queue up. */
  insteadOfNext<T extends ResponseType>(type: T, act: Rudeness<T>): void {
    add(this.#replies, type, act);
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
    if (!this.#listener.listening) return;
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    for (const peer of this.#peers) peer.reset();
    await closed;
  }

  kill(): Promise<void> {
    return this.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #owner(): FakePeerOwner {
    const script = this.#script;
    return {
      intercepts: (peer, packet) => intercept(this.#replies, peer, packet),
      onChunk: () => {
        this.#reads++;
      },
      onMessage: (peer, message) => {
        this.received.push(message);
        if (!('magic' in message) || !intercept(this.#requests, peer, message)) {
          if (script.onMessage === undefined) peer.keep(message);
          else script.onMessage(peer, message);
        }
        this.#changed();
      },
      onPartial: (peer, bufferedBytes) => {
        script.onPartial?.(peer, bufferedBytes);
        this.#changed();
      },
      onClose: (peer) => {
        this.#peers.delete(peer);
        script.onClose?.(peer);
        this.#changed();
      },
    };
  }

  #changed(): void {
    for (const check of this.#waiting) check();
  }
}

function add<T extends RequestType | ResponseType>(
  plan: Map<string, Rudeness[]>,
  type: T,
  act: Rudeness<T>,
): void {
  const acts = plan.get(type) ?? [];
  plan.set(type, acts);
  // It is called with packets of its type only: that is what the map's keys are.
  acts.push(act as unknown as Rudeness);
}

function intercept(
  plan: Map<string, Rudeness[]>,
  peer: FakePeer,
  packet: Extract<StreamMessage, { readonly magic: string }>,
): boolean {
  const act = plan.get(packet.type)?.shift();
  // Types of requests and replies have no place in the plan unless they are packets.
  act?.(peer, packet as Packet);
  return act !== undefined;
}
