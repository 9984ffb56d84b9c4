import { once } from 'node:events';
import { connect } from 'node:net';
import { type Packet, PacketParser, PacketWriter, request } from '@gearman/protocol';

/** A client without any comfort, so that it takes as little time as one can. */
export interface Submitter {
  /** When the packets came that are just being heard. */
  readonly nowMs: number;
  /** Adds a job; it leaves with {@link flush}. */
  submit(functionName: string, workload: Uint8Array): void;
  flush(): void;
}

/**
 * Connects to a job server.
 *
 * @param onPacket hears JOB_CREATED, in the order of the jobs, and WORK_*; what it submits leaves when all are heard
 */
export async function connectSubmitter(port: number, onPacket: (packet: Packet) => void): Promise<Submitter> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const parser = new PacketParser();
  const writer = new PacketWriter();
  const submitter = {
    // Once per chunk: a clock is dear.
    nowMs: performance.now(),
    submit: (functionName: string, workload: Uint8Array) =>
      writer.write(request('SUBMIT_JOB', { functionName, uniqueId: '', workload })),
    flush: () => {
      for (const piece of writer.take()) socket.write(piece);
    },
  };
  socket.on('data', (chunk: Buffer) => {
    submitter.nowMs = performance.now();
    for (const message of parser.push(chunk)) {
      if (!('magic' in message) || 'sizeBytes' in message) throw new Error(`unexpected ${message.type}`);
      if (message.type === 'ERROR') throw new Error(`the server refused: ${message.code} ${message.text}`);
      onPacket(message);
    }
    submitter.flush();
  });
  await once(socket, 'connect');
  return submitter;
}
