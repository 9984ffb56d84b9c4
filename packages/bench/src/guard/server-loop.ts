import { encodePacket, PACKETS, type Packet, request } from '@gearman/protocol';
import { createServer, type Server } from '@gearman/server';
import { Link } from './link.ts';

const JOB_ASSIGN = PACKETS.JOB_ASSIGN.code;
const WORKLOAD = Buffer.from('0123456789');
const RESULT_BYTES = 10;
const REQ = 0x00524551;
const LONGEST_HANDLE_BYTES = 64;

/** Jobs through a server in this process, without a socket: parse, submit, grab, complete, answer. */
export class ServerLoop {
  /** What is submitted, taken and finished at a time. */
  static readonly BATCH = 512;
  readonly #server: Server;
  readonly #client: Link;
  readonly #worker: Link;
  readonly #submits: Uint8Array;
  readonly #grabs: Uint8Array;
  readonly #completes = Buffer.alloc(ServerLoop.BATCH * (12 + LONGEST_HANDLE_BYTES + RESULT_BYTES));
  #completesLength = 0;

  /** @param options `uniqueIds`: each job has one of its own */
  constructor({ uniqueIds }: { readonly uniqueIds: boolean }) {
    this.#server = createServer();
    this.#client = new Link(this.#server.connect());
    this.#worker = new Link(this.#server.connect(), (type, bytes, from) => {
      if (type === JOB_ASSIGN) this.#complete(bytes, from);
    });
    const submit = (i: number): Packet =>
      request('SUBMIT_JOB_BG', {
        functionName: 'guard',
        uniqueId: uniqueIds ? `unique-${i}` : '',
        workload: WORKLOAD,
      });
    this.#submits = concat(Array.from({ length: ServerLoop.BATCH }, (_, i) => submit(i)));
    this.#grabs = concat(Array.from({ length: ServerLoop.BATCH }, () => request('GRAB_JOB', {})));
    this.#worker.send(concat([request('CAN_DO', { functionName: 'guard' })]));
  }

  /** One batch of jobs, from the submit to the end. */
  async run(): Promise<void> {
    await this.#client.ask(this.#submits, ServerLoop.BATCH);
    this.#completesLength = 0;
    await this.#worker.ask(this.#grabs, ServerLoop.BATCH);
    this.#worker.send(this.#completes.subarray(0, this.#completesLength));
  }

  async close(): Promise<void> {
    this.#client.close();
    this.#worker.close();
    await this.#server.close();
  }

  #complete(bytes: Uint8Array, from: number): void {
    const handleBytes = bytes.indexOf(0, from) + 1 - from;
    const out = this.#completes;
    const at = this.#completesLength;
    out.writeUInt32BE(REQ, at);
    out.writeUInt32BE(PACKETS.WORK_COMPLETE.code, at + 4);
    out.writeUInt32BE(handleBytes + RESULT_BYTES, at + 8);
    for (let i = 0; i < handleBytes; i++) out[at + 12 + i] = bytes[from + i] ?? 0;
    this.#completesLength = at + 12 + handleBytes + RESULT_BYTES;
  }
}

function concat(packets: readonly Packet[]): Uint8Array {
  return Buffer.concat(packets.flatMap(encodePacket));
}
