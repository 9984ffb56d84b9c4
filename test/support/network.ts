import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What becomes of what is sent. */
type Mode =
  | 'pass'
  /** Nothing gets through, and nobody is told. */
  | 'silent'
  /** The next statement of a client gets through; its answer does not, and the connection breaks. */
  | 'cut answer'
  /** The next statement of a client breaks the connection before it gets through. */
  | 'cut statement'
  /** Of the next statement a part gets through. */
  | 'cut within'
  /** The next statement is kept until {@link Network.deliver}, and the connection of the client breaks. */
  | 'keep statement';

/** What {@link Network.cutNext} can do. */
export type Cut = Exclude<Mode, 'pass' | 'silent'>;

/** The network between a store and its database, which a test can break. */
export class Network {
  readonly #server: Server;
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  #mode: Mode = 'pass';
  #least = 0;
  #refuses = false;
  #kept: () => void = () => {};
  /** How often something was cut. */
  cuts = 0;

  private constructor(server: Server, target: URL) {
    this.#server = server;
    this.#target = target;
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async start(targetUrl: string): Promise<Network> {
    const server = createServer();
    const network = new Network(server, new URL(targetUrl));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return network;
  }

  /** The address of the database, with this in between. */
  get url(): string {
    const url = new URL(this.#target);
    url.hostname = '127.0.0.1';
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** Breaks everything, and refuses what comes from now on. */
  refuse(): void {
    this.#refuses = true;
    this.#breakAll();
  }

  /** Breaks what there is; new connections get through. */
  cut(): void {
    this.mend();
    this.#breakAll();
  }

  /** Everything gets through that comes from now on. */
  mend(): void {
    this.#refuses = false;
    this.#mode = 'pass';
  }

  /** Nothing gets through any more, and no connection breaks. */
  silence(): void {
    this.#mode = 'silent';
  }

  /** Cuts once, at the next thing that a client sends with at least so many bytes. */
  cutNext(mode: Cut, leastBytes: number): void {
    this.#mode = mode;
    this.#least = leastBytes;
  }

  /** What was kept arrives. */
  deliver(): void {
    this.#kept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#breakAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #breakAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(client: Socket): void {
    if (this.#refuses) {
      client.destroy();
      return;
    }
    const server = connect(Number(this.#target.port || 5432), this.#target.hostname);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
    let cutsAnswer = false;
    client.on('data', (chunk: Buffer) => {
      if (this.#mode === 'silent') return;
      const hits = this.#mode !== 'pass' && chunk.length >= this.#least;
      if (hits && this.#mode === 'cut statement') return this.#cutOff(client);
      if (hits && this.#mode === 'keep statement') {
        this.#kept = () => server.write(chunk);
        client.removeAllListeners('close');
        return this.#cutOff(client);
      }
      if (hits && this.#mode === 'cut within') {
        server.write(chunk.subarray(0, chunk.length / 2), () => this.#cutOff(client));
        return;
      }
      if (hits) cutsAnswer = true;
      server.write(chunk);
    });
    server.on('data', (chunk: Buffer) => {
      if (this.#mode === 'silent') return;
      if (cutsAnswer) this.#cutOff(client);
      else client.write(chunk);
    });
  }

  #cutOff(client: Socket): void {
    this.#mode = 'pass';
    this.cuts++;
    client.destroy();
  }
}
