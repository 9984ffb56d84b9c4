// Sends random packets over many connections, opened anew when the server has had enough of one.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PacketParser, request } from '@gearman/protocol';
import { type Answer, memory, serve } from '../support/messages.ts';
import { FloodPackets } from './flood-packets.ts';

const port = Number(process.env['GEARMAN_SERVERS']?.split(':')[1]);
const CONNECTIONS = Number(process.env['FLOOD_CONNECTIONS'] ?? '64');
const BURST_PACKETS = 256;
const SMALL_BURST_PACKETS = 8;
const FATAL_ONE_IN = 8;
/** Long enough to get all the functions that a connection may have. */
const FATAL_ONE_IN_GREEDY = 200;
/** So many of the connections are greedy. */
const GREEDY_ONE_IN = Number(process.env['FLOOD_GREEDY_ONE_IN'] ?? '8');
/** After a header that announces gigabytes no answer comes. */
const PATIENCE_MS = 20;

const packets = new FloodPackets(Number(process.env['FLOOD_SEED'] ?? '1'));
let handled = 0;

/** Floods until `total` packets are through. @param pieceBytes how much is written in one turn; 0: everything */
async function flood(number: number, total: number, pieceBytes: number): Promise<void> {
  const isGreedy = number % GREEDY_ONE_IN === 0;
  while (handled < total) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => {});
    const connection = new FloodConnection(socket, isGreedy, pieceBytes);
    await once(socket, 'connect').catch(() => {});
    while (handled < total && !socket.destroyed) {
      // Not in one expression: others count meanwhile.
      const count = await connection.burst();
      handled += count;
    }
    socket.destroy();
  }
}

/** One connection. A burst counts when the server has answered what was sent behind it, or was to close instead. */
class FloodConnection {
  readonly #socket: Socket;
  readonly #pieceBytes: number;
  readonly #isGreedy: boolean;
  readonly #parser = new PacketParser();
  readonly #closed: Promise<void>;
  #assigned: string[] = [];
  #barrier = '';
  #passed: () => void = () => {};

  constructor(socket: Socket, isGreedy: boolean, pieceBytes: number) {
    this.#socket = socket;
    this.#isGreedy = isGreedy;
    this.#pieceBytes = pieceBytes;
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  async burst(): Promise<number> {
    const count = this.#pieceBytes === 0 ? BURST_PACKETS : SMALL_BURST_PACKETS;
    for (let i = 0; i < count; i++) {
      if (this.#isGreedy) packets.addGreedy();
      else packets.addMixed();
    }
    // Half of its jobs it finishes, the rest is lost with it.
    for (const handle of this.#assigned) {
      if (packets.random(2) === 0)
        packets.add(request('WORK_COMPLETE', { handle, data: Buffer.from(handle) }));
    }
    this.#assigned = [];
    const isLast = packets.random(this.#isGreedy ? FATAL_ONE_IN_GREEDY : FATAL_ONE_IN) === 0;
    if (isLast) packets.addFatal();
    this.#barrier = `barrier ${packets.random(2 ** 30)}`;
    packets.add(request('ECHO_REQ', { data: Buffer.from(this.#barrier) }));
    const passed = new Promise<void>((resolve) => {
      this.#passed = resolve;
    });
    await this.#write(packets.take());
    const patience = isLast ? new Promise((resolve) => setTimeout(resolve, PATIENCE_MS)) : this.#closed;
    await Promise.race([passed, this.#closed, patience]);
    const counts = isLast || !this.#socket.destroyed;
    if (isLast) this.#socket.destroy();
    return counts ? count : 0;
  }

  async #write(bytes: Buffer): Promise<void> {
    const step = this.#pieceBytes === 0 ? bytes.length : this.#pieceBytes;
    for (let at = 0; at < bytes.length && !this.#socket.destroyed; at += step) {
      this.#socket.write(bytes.subarray(at, at + step));
      if (step < bytes.length) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #read(chunk: Buffer): void {
    for (const message of this.#parser.push(chunk)) {
      if (!('magic' in message) || 'sizeBytes' in message) continue;
      if (message.type === 'ECHO_RES') {
        if (Buffer.from(message.data).toString() === this.#barrier) this.#passed();
      } else if (message.type.startsWith('JOB_ASSIGN') && 'handle' in message) {
        this.#assigned.push(message.handle);
      }
    }
  }
}

serve(async (question): Promise<Answer | undefined> => {
  if (question.ask === 'memory') return memory();
  if (question.ask === 'run') {
    handled = 0;
    const startedAt = performance.now();
    await Promise.all(
      Array.from({ length: CONNECTIONS }, (_, i) => flood(i, question.jobs, question.window)),
    );
    return { type: 'ran', elapsedMs: performance.now() - startedAt, wrong: 0 };
  }
  process.exit(0);
});
process.send?.({ type: 'ready' });
