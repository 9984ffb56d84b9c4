import { type Packet, response } from '@gearman/protocol';
import type { FakePeer } from './fake-network.ts';

const NO_JOB = response('NO_JOB', {});
const NOOP = response('NOOP', {});

/** The rules of a job server that a worker depends on, for one function and one connection at a time. */
export class FakeJobServer {
  /** Payloads of jobs that ended, in order. */
  readonly done: string[] = [];
  /** Packets about jobs that this connection does not hold: gearmand would answer JOB_NOT_FOUND. */
  readonly strays: string[] = [];
  /** Requests for a job that were answered with NO_JOB. */
  dry = 0;
  #queue: string[] = [];
  #running = new Map<string, string>();
  #peer: FakePeer | undefined;
  #registered = false;
  #sleeping = false;
  #handles = 0;

  /** Jobs that are assigned and have not ended. */
  get running(): number {
    return this.#running.size;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  submit(...payloads: readonly string[]): void {
    this.#queue.push(...payloads);
    this.#wake();
  }

  /** Serves a connection until the next call. */
  serve(peer: FakePeer): void {
    this.#peer = peer;
    this.#registered = false;
    this.#sleeping = false;
    peer.accept();
    peer.listen((packet) => this.#onPacket(peer, packet));
  }

  /** Loses the connection: what runs is queued again. */
  lose(): void {
    const peer = this.#peer;
    this.#peer = undefined;
    this.#requeue();
    peer?.close();
  }

  #onPacket(peer: FakePeer, packet: Packet): void {
    if (peer !== this.#peer) return;
    switch (packet.type) {
      case 'CAN_DO':
        this.#registered = true;
        return;
      case 'CANT_DO':
        this.#registered = false;
        this.#requeue();
        return;
      case 'PRE_SLEEP':
        this.#sleeping = true;
        this.#wake();
        return;
      case 'GRAB_JOB_ALL':
        this.#sleeping = false;
        this.#answer(() => this.#assign());
        return;
      case 'WORK_COMPLETE':
        this.#end(packet.handle, Buffer.from(packet.data).toString());
        return;
      default:
        throw new Error(`the worker sent ${packet.type}`);
    }
  }

  #assign(): Packet {
    const payload = this.#registered ? this.#queue.shift() : undefined;
    if (payload === undefined) {
      this.dry++;
      return NO_JOB;
    }
    const handle = `H:${++this.#handles}`;
    this.#running.set(handle, payload);
    const workload = Buffer.from(payload);
    return response('JOB_ASSIGN_UNIQ', { handle, functionName: 'f', uniqueId: '', workload });
  }

  #end(handle: string, result: string): void {
    const payload = this.#running.get(handle);
    this.#running.delete(handle);
    if (payload === undefined) this.strays.push(handle);
    else if (payload === result) this.done.push(payload);
    else throw new Error(`${handle} is "${payload}", not "${result}"`);
  }

  #requeue(): void {
    this.#queue.push(...this.#running.values());
    this.#running = new Map();
    this.#wake();
  }

  #wake(): void {
    if (!this.#sleeping || this.#queue.length === 0) return;
    this.#sleeping = false;
    this.#answer(() => NOOP);
  }

  /** Answers come in a later turn, as through a network. */
  #answer(packet: () => Packet): void {
    const peer = this.#peer;
    setImmediate(() => {
      if (peer !== undefined && peer === this.#peer && peer.open) peer.send(packet());
    });
  }
}
