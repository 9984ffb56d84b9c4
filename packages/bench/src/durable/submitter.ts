import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PacketWriter, request, StreamParser } from '@gearman/protocol';

/** What came of submitting for a while. */
export interface Outcome {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Load {
  readonly connections: number;
  readonly inFlight: number;
  readonly payloadBytes: number;
  readonly durationMs: number;
}

/** Submits background jobs, each with a unique id of its own, as fast as they are acknowledged. */
export async function submitFor(port: number, load: Load): Promise<Outcome> {
  const submitters = await Promise.all(
    Array.from({ length: load.connections }, (_, i) => Submitter.open(port, i, load)),
  );
  const startedAt = performance.now();
  for (const submitter of submitters) submitter.start();
  await new Promise((resolve) => setTimeout(resolve, load.durationMs));
  const elapsedMs = performance.now() - startedAt;
  const latencies = submitters.flatMap((submitter) => submitter.stop()).sort((a, b) => a - b);
  const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { perSecond: latencies.length / (elapsedMs / 1000), p50Ms: at(0.5), p99Ms: at(0.99) };
}

class Submitter {
  readonly #socket: Socket;
  readonly #name: string;
  readonly #payload: Uint8Array;
  readonly #inFlight: number;
  readonly #parser = new StreamParser();
  readonly #writer = new PacketWriter();
  readonly #latencies: number[] = [];
  #sentAt: number[] = [];
  #submitted = 0;

  static async open(port: number, index: number, load: Load): Promise<Submitter> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Submitter(socket, `${process.pid}-${index}`, load);
  }

  private constructor(socket: Socket, name: string, load: Load) {
    this.#socket = socket;
    this.#name = name;
    this.#payload = Buffer.alloc(load.payloadBytes, 'x');
    this.#inFlight = load.inFlight;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  start(): void {
    for (let i = 0; i < this.#inFlight; i++) this.#submit();
    this.#flush();
  }

  /** @returns how long each acknowledgement took, in milliseconds */
  stop(): number[] {
    this.#socket.destroy();
    return this.#latencies;
  }

  #read(chunk: Buffer): void {
    const now = performance.now();
    let acknowledged = 0;
    for (const { type } of this.#parser.push(chunk)) {
      if (type !== 'JOB_CREATED') throw new Error(`expected JOB_CREATED, got ${type}`);
      this.#latencies.push(now - (this.#sentAt[acknowledged++] ?? now));
    }
    this.#sentAt = this.#sentAt.slice(acknowledged);
    for (; acknowledged > 0; acknowledged--) this.#submit();
    this.#flush();
  }

  #submit(): void {
    const uniqueId = `${this.#name}-${++this.#submitted}`;
    this.#writer.write(request('SUBMIT_JOB_BG', { functionName: 'f', uniqueId, workload: this.#payload }));
    this.#sentAt.push(performance.now());
  }

  #flush(): void {
    for (const bytes of this.#writer.take()) this.#socket.write(bytes);
  }
}
