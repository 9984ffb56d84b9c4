import {
  encodePacket,
  HEADER_BYTES,
  MAX_PACKET_CODE,
  type Packet,
  PacketWriter,
  request,
} from '@gearman/protocol';

const REQ = 0x00524551;
const RES = 0x00524553;
/** Not in the protocol: ends a connection. */
const UNUSED_TYPE = 5;
const POOL_BYTES = 1 << 18;
const FUNCTIONS = 50;
/** More than one connection may have. */
const GREEDY_FUNCTIONS = 5000;

/** Random packets of many kinds; the same ones for the same seed. */
export class FloodPackets {
  readonly #writer = new PacketWriter();
  #seed: number;
  /** Bodies are cut out of it anywhere. */
  readonly #pool: Buffer;

  constructor(seed: number) {
    this.#seed = seed;
    // NULs and digits are what arguments are made of.
    this.#pool = Buffer.from(
      Array.from({ length: POOL_BYTES }, () =>
        this.random(4) === 0 ? 0 : this.random(3) === 0 ? 0x30 + this.random(10) : this.random(256),
      ),
    );
  }

  /** mulberry32: small, and the same everywhere for the same seed. */
  random(below: number): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  }

  /** What was added since the last call, in one piece. */
  take(): Buffer {
    return Buffer.concat(this.#writer.take());
  }

  add(packet: Packet): void {
    this.#writer.write(packet);
  }

  /** A connection that goes on afterwards: random bodies, plausible packets, plausible ones with wrong bytes. */
  addMixed(): void {
    const kind = this.random(3);
    if (kind === 0) this.#addRandom();
    else if (kind === 1) this.add(this.#plausible());
    else this.#writer.writeBytes(this.#mutate(HEADER_BYTES));
  }

  /** As many functions as it can get, and whatever costs the server a look at all of them. */
  addGreedy(): void {
    const kind = this.random(8);
    if (kind < 4) this.add(request('CAN_DO', { functionName: `g${this.random(GREEDY_FUNCTIONS)}` }));
    else if (kind < 6) this.add(request('PRE_SLEEP', {}));
    else if (kind === 6) this.add(request('GRAB_JOB', {}));
    else if (this.random(1000) === 0) this.add(request('RESET_ABILITIES', {}));
    else this.add(this.#submit(`g${this.random(GREEDY_FUNCTIONS)}`));
  }

  /** What ends a connection, or should. */
  addFatal(): void {
    const kinds = [
      () => header(REQ, 0x80000000 + this.random(0x7fffffff), 0),
      () => header(REQ, MAX_PACKET_CODE + 1 + this.random(1000), this.random(20)),
      () => header(REQ, 7, 0xffffffff),
      () => header(REQ, 0, 0),
      () => this.#bytes(1 + this.random(40)),
      () => Buffer.from(`${'status '.repeat(this.random(4))}\n`),
      () => this.#mutate(0),
    ];
    this.#writer.writeBytes(kinds[this.random(kinds.length)]?.() ?? Buffer.alloc(0));
  }

  #bytes(length: number): Buffer {
    const from = this.random(POOL_BYTES - length);
    return this.#pool.subarray(from, from + length);
  }

  /** Any type with any body, of the announced size. */
  #addRandom(): void {
    const type = 1 + this.random(MAX_PACKET_CODE);
    const body = this.#bytes(this.random(5) === 0 ? this.random(300) : this.random(24));
    const magic = this.random(50) === 0 ? RES : REQ;
    this.#writer.writeBytes(header(magic, type === UNUSED_TYPE ? type + 1 : type, body.length));
    this.#writer.writeBytes(body);
  }

  #plausible(): Packet {
    const functionName = `f${this.random(FUNCTIONS)}`;
    switch (this.random(11)) {
      case 0:
        return request('CAN_DO', { functionName });
      case 1:
        return request('CAN_DO_TIMEOUT', { functionName, timeout: String(this.random(3000) - 500) });
      case 2:
        return request('CANT_DO', { functionName });
      case 3:
        return request('PRE_SLEEP', {});
      case 4:
        return request('GRAB_JOB_ALL', {});
      case 5:
        return request('GRAB_JOB', {});
      case 6:
        return request('WORK_COMPLETE', { handle: `H:x:${this.random(99)}`, data: this.#bytes(20) });
      case 7:
        return request('GET_STATUS_UNIQUE', { uniqueId: `u${this.random(FUNCTIONS)}` });
      case 8:
        return this.random(100) === 0 ? request('RESET_ABILITIES', {}) : request('PRE_SLEEP', {});
      default:
        return this.#submit(functionName);
    }
  }

  #submit(functionName: string): Packet {
    const type = SUBMITS[this.random(SUBMITS.length)] ?? 'SUBMIT_JOB';
    const uniqueId = this.random(2) === 0 ? '' : `u${this.random(FUNCTIONS)}`;
    return request(type, { functionName, uniqueId, workload: this.#bytes(this.random(50)) });
  }

  /** A plausible packet with one to three wrong bytes, from this offset on. */
  #mutate(from: number): Buffer {
    const packet = Buffer.concat(encodePacket(this.#plausible()));
    for (let left = 1 + this.random(3); left > 0 && packet.length > from; left--) {
      packet[from + this.random(packet.length - from)] = this.random(256);
    }
    return packet;
  }
}

const SUBMITS = [
  'SUBMIT_JOB',
  'SUBMIT_JOB_HIGH',
  'SUBMIT_JOB_LOW',
  'SUBMIT_JOB_BG',
  'SUBMIT_JOB_LOW_BG',
] as const;

function header(magic: number, type: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES);
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt32BE(type >>> 0, 4);
  bytes.writeUInt32BE(size >>> 0, 8);
  return bytes;
}
