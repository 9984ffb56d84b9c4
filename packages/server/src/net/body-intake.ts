import {
  decodeBody,
  MAX_TEXT_BYTES,
  type Malformed,
  PACKETS,
  type Packet,
  type PacketHead,
  type PacketType,
} from '@gearman/protocol';
import type { PayloadFile } from '../engine/payload-file.ts';
import type { Spool, SpoolWaiter } from '../spool/spool.ts';
import { MOST_HELD_BYTES, type SpoolWriter, type SpoolWriterOwner } from '../spool/spool-writer.ts';

/** Told that an intake goes on, or is over. */
export interface BodyIntakeOwner {
  intakeProgressed(): void;
}

/** Longest text in front of a payload: five arguments. More decides what is wrong with them. */
const MOST_TEXT_BYTES = 5 * (MAX_TEXT_BYTES + 1);
/** Whose acknowledgement waits for the disk. */
const DURABLE: ReadonlySet<PacketType> = new Set<PacketType>([
  'SUBMIT_JOB_BG',
  'SUBMIT_JOB_HIGH_BG',
  'SUBMIT_JOB_LOW_BG',
  'SUBMIT_JOB_EPOCH',
  'SUBMIT_REDUCE_JOB_BACKGROUND',
  // Some of them: that stands in their options.
  'SUBMIT_JOB_WITH',
]);

/** The body of one large submit: its text arguments go to memory, its payload to a file. */
export class BodyIntake implements SpoolWaiter, SpoolWriterOwner {
  readonly #head: PacketHead;
  readonly #spool: Spool;
  readonly #owner: BodyIntakeOwner;
  #hasEntered: boolean;
  #leftBytes: number;
  /** The beginning of the body, until all text arguments are there. */
  #text: Buffer | undefined;
  #textBytes = 0;
  #nuls = 0;
  #message: Packet | Malformed | undefined;
  #writer: SpoolWriter | undefined;
  #isDropped = false;

  constructor(head: PacketHead, spool: Spool, owner: BodyIntakeOwner) {
    this.#head = head;
    this.#leftBytes = head.sizeBytes;
    this.#spool = spool;
    this.#owner = owner;
    this.#hasEntered = spool.enter(this);
  }

  /** False while it waits for others to be through. */
  get hasEntered(): boolean {
    return this.#hasEntered;
  }

  /** True while the peer has to wait. */
  get isHeldUp(): boolean {
    return !this.#hasEntered || (this.#writer?.heldBytes ?? 0) >= MOST_HELD_BYTES;
  }

  /** True while the peer keeps others waiting. */
  get holdsUpOthers(): boolean {
    return this.#hasEntered && this.#leftBytes > 0 && this.#spool.short;
  }

  /** True when the whole body has come. */
  get hasAll(): boolean {
    return this.#leftBytes === 0;
  }

  /** What it has in memory, in bytes. */
  get heldBytes(): number {
    return (this.#text?.length ?? 0) + (this.#writer?.heldBytes ?? 0);
  }

  /** The packet without its payload, or what is wrong with it, when nothing more is to be waited for. */
  get message(): Packet | Malformed | undefined {
    if (!this.hasAll) return undefined;
    const writer = this.#writer;
    return writer === undefined || writer.file !== undefined || writer.error !== undefined
      ? this.#message
      : undefined;
  }

  /** The payload of {@link message}, or why there is none. */
  get payload(): PayloadFile | Error | undefined {
    return this.#writer?.file ?? this.#writer?.error;
  }

  /** Takes bytes from an offset on. Returns the offset behind those that it took. */
  take(chunk: Uint8Array, at: number): number {
    if (this.isHeldUp || this.#leftBytes === 0) return at;
    const end = Math.min(chunk.length, at + this.#leftBytes);
    this.#leftBytes -= end - at;
    const bytes = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end);
    if (this.#message === undefined) this.#readText(bytes);
    else this.#writer?.write(bytes);
    if (this.#leftBytes === 0) this.#writer?.end(DURABLE.has(this.#head.type));
    return end;
  }

  /** The payload is somebody else's now, or nobody's. */
  drop(): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.#writer?.drop();
    this.#spool.leave(this, this.#hasEntered);
  }

  goOnSpooling(): void {
    this.#hasEntered = true;
    this.#owner.intakeProgressed();
  }

  progressed(): void {
    if (!this.#isDropped) this.#owner.intakeProgressed();
  }

  #readText(bytes: Uint8Array): void {
    const text = this.#text;
    if (text === undefined && this.#accept(bytes)) return;
    const all = this.#text ?? Buffer.allocUnsafeSlow(MOST_TEXT_BYTES);
    this.#text = all;
    const taken = Math.min(bytes.length, all.length - this.#textBytes);
    all.set(bytes.subarray(0, taken), this.#textBytes);
    this.#textBytes += taken;
    if (text === undefined || !this.#accept(bytes.subarray(0, taken))) return;
    this.#text = undefined;
    this.#writer?.write(bytes.subarray(taken));
  }

  /** Takes the text arguments, if all of them are there with these bytes. */
  #accept(latest: Uint8Array): boolean {
    const { type, magic, sizeBytes } = this.#head;
    const body = this.#text?.subarray(0, this.#textBytes) ?? latest;
    this.#nuls += countNuls(latest);
    const isEnough = body.length >= MOST_TEXT_BYTES || this.#leftBytes === 0;
    if (this.#nuls < PACKETS[type].args.length - 1 && !isEnough) return false;
    const message = decodeBody(type, magic, body);
    if (message.type === 'MALFORMED') {
      this.#message = { ...message, sizeBytes };
      return true;
    }
    // Only submits are handed over, and all of them have these.
    const { workload, uniqueId } = message as Packet<'SUBMIT_JOB'>;
    this.#message = { ...message, workload: NO_BYTES } as Packet;
    this.#writer = this.#spool.write(this);
    if (uniqueId === '-') this.#writer.wantHash();
    this.#writer.write(workload);
    return true;
  }
}

function countNuls(bytes: Uint8Array): number {
  let count = 0;
  const end = Math.min(bytes.length, MOST_TEXT_BYTES);
  for (let i = 0; i < end; i++) if (bytes[i] === 0) count++;
  return count;
}

const NO_BYTES = new Uint8Array(0);
