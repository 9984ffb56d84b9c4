import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { DiskStep } from './recorded-disk.ts';

const SECTOR_BYTES = 512;
const BLOCK_BYTES = 0x1_0000;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

type Write = Extract<DiskStep, { readonly type: 'write' }>;
type NameChange = Extract<DiskStep, { readonly type: 'names' }>;

/**
 * A disk that forgets what was not synced. Goes through recorded steps up to a moment, and writes what the disk may hold when
 * the power goes then: of each write that was not synced any sector may be there, missing or zero, and any change of a name
 * that was not synced may have happened or not.
 */
export class DiskAfterCut {
  readonly #steps: readonly DiskStep[];
  readonly #root: string;
  #next = 0;
  readonly #files = new Map<number, RecordedFile>();
  readonly #names: Map<string, number | 'directory'>;
  #changes: NameChange[] = [];

  /** @param root the folder that is there all the time */
  constructor(steps: readonly DiskStep[], root: string) {
    this.#steps = steps;
    this.#root = root;
    this.#names = new Map([[root, 'directory']]);
  }

  /** Goes on to a later moment. */
  advance(cut: number): void {
    for (
      let step = this.#steps[this.#next];
      step !== undefined && step.at < cut;
      step = this.#steps[++this.#next]
    )
      this.#apply(step);
  }

  /** Writes one image of the folder. `kept` is how likely a change that was not synced is there: 0 to 1. */
  write(into: string, kept: number, random: () => number): void {
    const names = new Map(this.#names);
    for (const { entries } of this.#changes) {
      if (random() >= kept) continue;
      for (const [path, entry] of entries) {
        if (entry === undefined) names.delete(path);
        else names.set(path, entry);
      }
    }
    const isReachable = (path: string): boolean =>
      path === this.#root || (names.get(dirname(path)) === 'directory' && isReachable(dirname(path)));
    for (const [path, entry] of names) {
      if (!isReachable(path)) continue;
      const target = join(into, relative(this.#root, path));
      if (entry === 'directory') mkdirSync(target, { recursive: true });
    }
    for (const [path, entry] of names) {
      if (entry === 'directory' || !isReachable(path)) continue;
      this.#file(entry).write(join(into, relative(this.#root, path)), kept, random);
    }
  }

  #apply(step: DiskStep): void {
    switch (step.type) {
      case 'write':
        this.#file(step.file).pending.push(step);
        break;
      case 'sync':
        this.#file(step.file).sync(step.since);
        break;
      case 'names':
        this.#changes.push(step);
        break;
      case 'sync-names': {
        const isDone = ({ directory, endedAt }: NameChange): boolean =>
          directory === step.directory && endedAt < step.since;
        for (const { entries } of this.#changes.filter(isDone)) {
          for (const [path, entry] of entries) {
            if (entry === undefined) this.#names.delete(path);
            else this.#names.set(path, entry);
          }
        }
        this.#changes = this.#changes.filter((change) => !isDone(change));
      }
    }
  }

  #file(id: number): RecordedFile {
    const known = this.#files.get(id) ?? new RecordedFile();
    this.#files.set(id, known);
    return known;
  }
}

class RecordedFile {
  pending: Write[] = [];
  #durable = Buffer.alloc(0);

  sync(since: number): void {
    const done = this.pending.filter(({ endedAt }) => endedAt < since);
    this.pending = this.pending.filter(({ endedAt }) => endedAt >= since);
    const size = endOf(done, this.#durable.length);
    if (size > this.#durable.length) {
      const larger = Buffer.alloc(size);
      this.#durable.copy(larger);
      this.#durable = larger;
    }
    for (const { bytes, position } of done) bytes.copy(this.#durable, position);
  }

  write(path: string, kept: number, random: () => number): void {
    const most = endOf(this.pending, this.#durable.length);
    const size =
      this.#durable.length + Math.floor((most - this.#durable.length) * (random() < kept ? 1 : random()));
    const file = openSync(path, 'wx');
    try {
      ftruncateSync(file, size);
      writeBytes(file, this.#durable, 0);
      for (const write of this.pending) writeSectors(file, write, size, kept, random);
    } finally {
      closeSync(file);
    }
  }
}

function endOf(writes: readonly Write[], least: number): number {
  return writes.reduce((end, { position, bytes }) => Math.max(end, position + bytes.length), least);
}

/** Zeros need not be written: the file is new. */
function writeBytes(file: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = bytes.subarray(at, at + BLOCK_BYTES);
    if (!isZero(block)) writeSync(file, block, 0, block.length, position + at);
  }
}

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = bytes.subarray(at, at + BLOCK_BYTES);
    if (block.compare(ZEROS, 0, block.length) !== 0) return false;
  }
  return true;
}

function writeSectors(
  file: number,
  { bytes, position }: Write,
  size: number,
  kept: number,
  random: () => number,
): void {
  if (kept === 1) {
    writeBytes(file, bytes.subarray(0, Math.max(0, size - position)), position);
    return;
  }
  if (kept === 0 || isZero(bytes)) return;
  const end = Math.min(position + bytes.length, size);
  for (let at = position; at < end; ) {
    const next = Math.min(at - (at % SECTOR_BYTES) + SECTOR_BYTES, end);
    const part = bytes.subarray(at - position, next - position);
    const dice = random();
    if (dice < kept) writeSync(file, part, 0, part.length, at);
    else if (dice > 0.95) writeSync(file, ZEROS, 0, part.length, at);
    at = next;
  }
}
