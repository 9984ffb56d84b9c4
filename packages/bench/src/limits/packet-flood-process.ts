// Sends random and mutated packets over many connections, opened anew when the server has had enough of one.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodePacket, MAX_PACKET_CODE, PacketParser, request } from '@gearman/protocol';
import { type Answer, memory, serve } from '../support/messages.ts';

const port = Number(process.env['GEARMAN_SERVERS']?.split(':')[1]);
const CONNECTIONS = 32;
const SAMPLES = 4096;
const BURST_PACKETS = 256;
/** One burst of so many is sent byte by byte. */
const BYTEWISE_ONE_IN = 2000;

let seed = Number(process.env['FLOOD_SEED'] ?? '1');

/** mulberry32: small, and the same everywhere for the same seed. */
function random(below: number): number {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % below;
}

function header(magic: number, type: number, size: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt32BE(type >>> 0, 4);
  bytes.writeUInt32BE(size >>> 0, 8);
  return bytes;
}

const REQ = 0x00524551;
const RES = 0x00524553;
/** Not in the protocol: ends a connection. */
const UNUSED_TYPE = 5;

function randomBytes(length: number): Buffer {
  // NULs and digits are what arguments are made of.
  return Buffer.from(
    Array.from({ length }, () => (random(4) === 0 ? 0 : random(3) === 0 ? 0x30 + random(10) : random(256))),
  );
}

/** Any type with any body, of the announced size. */
function sane(): Buffer {
  const type = 1 + random(MAX_PACKET_CODE);
  const body = randomBytes(random(5) === 0 ? random(300) : random(24));
  return Buffer.concat([
    header(random(50) === 0 ? RES : REQ, type === UNUSED_TYPE ? type + 1 : type, body.length),
    body,
  ]);
}

function plausible(): Buffer {
  const functionName = `f${random(50)}`;
  const uniqueId = random(2) === 0 ? '' : `u${random(50)}`;
  const packets = [
    request('CAN_DO', { functionName }),
    request('CAN_DO_TIMEOUT', { functionName, timeout: String(random(3000) - 500) }),
    request('CANT_DO', { functionName }),
    request('PRE_SLEEP', {}),
    request('GRAB_JOB_ALL', {}),
    request('SUBMIT_JOB', { functionName, uniqueId, workload: randomBytes(random(50)) }),
    request('SUBMIT_JOB_LOW_BG', { functionName, uniqueId, workload: randomBytes(random(50)) }),
    request('WORK_COMPLETE', { handle: `H:x:${random(99)}`, data: randomBytes(random(50)) }),
    request('GET_STATUS_UNIQUE', { uniqueId }),
    request('RESET_ABILITIES', {}),
  ];
  return Buffer.concat(encodePacket(packets[random(packets.length)] ?? request('PRE_SLEEP', {})));
}

/** What ends a connection, or should: kept rare, or nothing else would get through. */
function fatal(): Buffer {
  const kinds = [
    () => header(REQ, 0x80000000 + random(0x7fffffff), 0),
    () => header(REQ, 43 + random(1000), random(20)),
    () => header(REQ, 7, 0xffffffff),
    () => header(REQ, 0, 0),
    () => randomBytes(1 + random(40)),
    () => Buffer.from(`${'status '.repeat(random(4))}\n`),
    () => {
      const packet = plausible();
      packet[random(packet.length)] = random(256);
      return packet;
    },
  ];
  return kinds[random(kinds.length)]?.() ?? Buffer.alloc(0);
}

const samples = Array.from({ length: SAMPLES }, (_, i) => (i % 3 === 0 ? plausible() : sane()));

function sample(): Buffer {
  return samples[random(SAMPLES)] ?? Buffer.alloc(0);
}

let handled = 0;

async function flood(packets: number): Promise<void> {
  while (handled < packets) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => {});
    const peer = new FloodedPeer(socket);
    await once(socket, 'connect').catch(() => {});
    while (handled < packets && !socket.destroyed) handled += await peer.burst();
    socket.destroy();
  }
}

/** One connection. A burst counts when the server has answered what was sent behind it. */
class FloodedPeer {
  readonly #socket: Socket;
  readonly #parser = new PacketParser();
  readonly #closed: Promise<void>;
  #barrier = '';
  #passed: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (chunk: Buffer) => {
      for (const message of this.#parser.push(chunk)) {
        if (message.type === 'ECHO_RES' && Buffer.from(message.data).toString() === this.#barrier)
          this.#passed();
      }
    });
  }

  async burst(): Promise<number> {
    const parts: Uint8Array[] = Array.from({ length: BURST_PACKETS }, sample);
    const isLast = random(8) === 0;
    if (isLast) parts.push(fatal());
    this.#barrier = `barrier ${random(2 ** 30)}`;
    parts.push(...encodePacket(request('ECHO_REQ', { data: Buffer.from(this.#barrier) })));
    const passed = new Promise<void>((resolve) => {
      this.#passed = resolve;
    });
    const bytes = Buffer.concat(parts);
    if (random(BYTEWISE_ONE_IN) === 0) for (const byte of bytes) this.#socket.write(Buffer.of(byte));
    else this.#socket.write(bytes);
    // After a header that announces gigabytes no answer comes: on to the next connection.
    const patience = isLast ? new Promise((resolve) => setTimeout(resolve, 20)) : this.#closed;
    await Promise.race([passed, this.#closed, patience]);
    const counts = isLast || !this.#socket.destroyed;
    if (isLast) this.#socket.destroy();
    return counts ? BURST_PACKETS : 0;
  }
}

serve(async (question): Promise<Answer | undefined> => {
  if (question.ask === 'memory') return memory();
  if (question.ask === 'run') {
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: CONNECTIONS }, () => flood(question.jobs)));
    return { type: 'ran', elapsedMs: performance.now() - startedAt, wrong: 0 };
  }
  process.exit(0);
});
process.send?.({ type: 'ready' });
