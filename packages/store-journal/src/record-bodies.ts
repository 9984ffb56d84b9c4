import type { Priority, StoredChange, StoredJob } from '@gearman/server';
import { type ReadRecord, readNumber, writeNumber } from './record-format.ts';

/** What a record says. The numbers are on disk. */
export const PUT = 1;
export const DONE = 2;
export const CHANGE = 3;
export const SETTING = 4;

const NO_REDUCER = 0xffff;
const PUT_FIXED_BYTES = 36;
const CHANGE_FIXED_BYTES = 24;
const WAITING = 0;
const DEAD = 1;
/** Of the payload: it lies in a file of its own; its size and checksum stand here. */
const PAYLOAD_ASIDE = 1;
const HAS_SUM = 2;
const SUM_BYTES = 12;
const SHA256_BYTES = 32;

export const DONE_BODY_BYTES = 8;

/** What a payload in a file of its own must be. */
export interface PayloadSum {
  readonly sizeBytes: number;
  readonly crc32: number;
}

/** A job as it stands in a record. */
export interface PutRecord extends Omit<StoredJob, 'payload' | 'payloadFile'> {
  /** Undefined when it lies in a file of its own. */
  readonly payload: Uint8Array | undefined;
  /** Of a payload in a file of its own; undefined where whoever put it did not know. */
  readonly sum?: PayloadSum | undefined;
  /** Of a payload in a file of its own, where whoever put it told: 64 hexadecimal digits. */
  readonly sha256?: string | undefined;
}

export function putBodyBytes(job: PutRecord): number {
  return (
    PUT_FIXED_BYTES +
    job.functionName.length +
    job.uniqueId.length +
    (job.reducer?.length ?? 0) +
    Buffer.byteLength(job.extra) +
    (job.payload?.length ?? asideBytes(job))
  );
}

export function writePut(bytes: Buffer, start: number, job: PutRecord): void {
  writeNumber(bytes, job.number, start);
  bytes.writeDoubleLE(job.runAtMs, start + 8);
  bytes.writeUInt32LE(job.attempts, start + 16);
  bytes.writeUInt8(job.priority, start + 20);
  bytes.writeUInt8(job.state === 'dead' ? DEAD : WAITING, start + 21);
  bytes.writeUInt16LE(flagsOf(job), start + 22);
  bytes.writeUInt16LE(job.functionName.length, start + 24);
  bytes.writeUInt16LE(job.uniqueId.length, start + 26);
  bytes.writeUInt16LE(job.reducer?.length ?? NO_REDUCER, start + 28);
  bytes.writeUInt16LE(0, start + 30);
  bytes.writeUInt32LE(Buffer.byteLength(job.extra), start + 32);
  let at = start + PUT_FIXED_BYTES;
  at += bytes.write(job.functionName, at, 'latin1');
  at += bytes.write(job.uniqueId, at, 'latin1');
  if (job.reducer !== undefined) at += bytes.write(job.reducer, at, 'latin1');
  at += bytes.write(job.extra, at, 'utf8');
  if (job.payload === undefined) writeAside(bytes, at, job);
  else bytes.set(job.payload, at);
}

function asideBytes({ sum, sha256 }: PutRecord): number {
  return (sum === undefined ? 0 : SUM_BYTES) + (sha256 === undefined ? 0 : SHA256_BYTES);
}

function flagsOf({ payload, sum }: PutRecord): number {
  if (payload !== undefined) return 0;
  return sum === undefined ? PAYLOAD_ASIDE : PAYLOAD_ASIDE | HAS_SUM;
}

/** What is known of a payload that lies elsewhere. */
function writeAside(bytes: Buffer, start: number, { sum, sha256 }: PutRecord): void {
  if (sum !== undefined) {
    writeNumber(bytes, sum.sizeBytes, start);
    bytes.writeUInt32LE(sum.crc32, start + 8);
  }
  if (sha256 !== undefined) bytes.write(sha256, start + (sum === undefined ? 0 : SUM_BYTES), 'hex');
}

export function readPut(body: Buffer): PutRecord {
  const functionEnd = PUT_FIXED_BYTES + body.readUInt16LE(24);
  const uniqueEnd = functionEnd + body.readUInt16LE(26);
  const reducerLength = body.readUInt16LE(28);
  const reducerEnd = uniqueEnd + (reducerLength === NO_REDUCER ? 0 : reducerLength);
  const extraEnd = reducerEnd + body.readUInt32LE(32);
  const flags = body.readUInt16LE(22);
  const isAside = (flags & PAYLOAD_ASIDE) !== 0;
  const put: PutRecord = {
    number: readNumber(body, 0),
    runAtMs: body.readDoubleLE(8),
    attempts: body.readUInt32LE(16),
    // Written by `writePut`, and under a checksum since.
    priority: body.readUInt8(20) as Priority,
    state: body.readUInt8(21) === DEAD ? 'dead' : 'waiting',
    functionName: body.toString('latin1', PUT_FIXED_BYTES, functionEnd),
    uniqueId: body.toString('latin1', functionEnd, uniqueEnd),
    reducer: reducerLength === NO_REDUCER ? undefined : body.toString('latin1', uniqueEnd, reducerEnd),
    extra: body.toString('utf8', reducerEnd, extraEnd),
    payload: isAside ? undefined : body.subarray(extraEnd),
  };
  return isAside ? { ...put, ...readAside(body.subarray(extraEnd), (flags & HAS_SUM) !== 0) } : put;
}

function readAside(bytes: Buffer, hasSum: boolean): Pick<PutRecord, 'sum' | 'sha256'> {
  const hashAt = hasSum ? SUM_BYTES : 0;
  return {
    sum: hasSum ? { sizeBytes: readNumber(bytes, 0), crc32: bytes.readUInt32LE(8) } : undefined,
    sha256: bytes.length > hashAt ? bytes.toString('hex', hashAt) : undefined,
  };
}

/** What the journal itself has to know of a job: its number, and whether its payload lies in a file of its own, and which. */
interface PutHead {
  readonly number: number;
  readonly isLarge: boolean;
  readonly sum: PayloadSum | undefined;
}

export function readPutHead(record: ReadRecord): PutHead {
  const isLarge = (record.shortAt(22) & PAYLOAD_ASIDE) !== 0;
  return { number: record.numberAt(0), isLarge, sum: isLarge ? readPut(record.body).sum : undefined };
}

export function changeBodyBytes(change: StoredChange): number {
  return CHANGE_FIXED_BYTES + Buffer.byteLength(change.extra);
}

export function writeChange(bytes: Buffer, start: number, change: StoredChange): void {
  writeNumber(bytes, change.number, start);
  bytes.writeDoubleLE(change.runAtMs, start + 8);
  bytes.writeUInt32LE(change.attempts, start + 16);
  bytes.writeUInt32LE(change.state === 'dead' ? DEAD : WAITING, start + 20);
  bytes.write(change.extra, start + CHANGE_FIXED_BYTES, 'utf8');
}

export function readChange(body: Buffer): StoredChange {
  return {
    number: readNumber(body, 0),
    runAtMs: body.readDoubleLE(8),
    attempts: body.readUInt32LE(16),
    state: body.readUInt32LE(20) === DEAD ? 'dead' : 'waiting',
    extra: body.toString('utf8', CHANGE_FIXED_BYTES, body.length),
  };
}

export function settingBody(key: string, value: string | undefined): Buffer {
  const keyBytes = Buffer.from(key);
  const head = Buffer.alloc(4);
  head.writeUInt16LE(keyBytes.length);
  head.writeUInt16LE(value === undefined ? 0 : 1, 2);
  return Buffer.concat([head, keyBytes, Buffer.from(value ?? '')]);
}

export function readSetting(body: Buffer): { readonly key: string; readonly value: string | undefined } {
  const keyEnd = 4 + body.readUInt16LE(0);
  const key = body.toString('utf8', 4, keyEnd);
  return { key, value: body.readUInt16LE(2) === 0 ? undefined : body.toString('utf8', keyEnd, body.length) };
}
