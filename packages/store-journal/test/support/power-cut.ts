import { MemoryDisk, type Operation } from './memory-disk.ts';

const SECTOR_BYTES = 512;

/** Random numbers from 0 to 1 that a seed gives again (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/**
 * A disk as it may look after the power went at operation `cut`: what was synced is there. Of everything else any sector may
 * be old, new or zero, and any change of a name may have happened or not.
 */
export function imageAfterCut(
  operations: readonly Operation[],
  cut: number,
  random: () => number,
): MemoryDisk {
  const files = new Map<number, Content>();
  const contentOf = (id: number): Content => {
    const known = files.get(id) ?? new Content();
    files.set(id, known);
    return known;
  };
  const names = new Names();
  let created = 0;
  for (const operation of operations.slice(0, cut)) {
    if (operation.type === 'write') contentOf(operation.file).write(operation.bytes, operation.at);
    else if (operation.type === 'sync') contentOf(operation.file).sync();
    else if (operation.type === 'failed-sync') contentOf(operation.file).lose();
    else if (operation.type === 'sync-directory') names.sync();
    else names.add(operation, operation.type === 'create' ? ++created : 0);
  }
  const image = new MemoryDisk();
  for (const [path, id] of names.afterCut(random)) image.add(path, contentOf(id).afterCut(random));
  return image;
}

class Content {
  #durable: Buffer = Buffer.alloc(0);
  #bytes: Buffer = Buffer.alloc(0);

  write(bytes: Buffer, at: number): void {
    if (at + bytes.length > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(at + bytes.length - this.#bytes.length)]);
    }
    bytes.copy(this.#bytes, at);
  }

  sync(): void {
    this.#durable = Buffer.from(this.#bytes);
  }

  /** What is not durable now never will be. */
  lose(): void {
    const { length } = this.#bytes;
    this.#bytes = Buffer.alloc(length);
    this.#durable.copy(this.#bytes);
  }

  afterCut(random: () => number): Buffer {
    const isGrown = this.#bytes.length > this.#durable.length && random() < 0.5;
    const image = Buffer.alloc(isGrown ? this.#bytes.length : this.#durable.length);
    this.#durable.copy(image);
    const kept = random();
    for (let at = 0; at < image.length; at += SECTOR_BYTES) {
      const end = Math.min(at + SECTOR_BYTES, image.length);
      if (this.#bytes.compare(image, at, end, at, end) === 0) continue;
      if (random() < kept) this.#bytes.copy(image, at, at, end);
      else if (random() < 0.1 && at >= this.#durable.length) image.fill(0, at, end);
    }
    return image;
  }
}

type NameOperation = Extract<Operation, { readonly path: string }>;

class Names {
  #durable = new Map<string, number>();
  #pending: { readonly operation: NameOperation; readonly id: number }[] = [];

  add(operation: NameOperation, id: number): void {
    this.#pending.push({ operation, id });
  }

  sync(): void {
    this.#durable = this.#apply(() => true);
    this.#pending = [];
  }

  afterCut(random: () => number): Map<string, number> {
    const kept = random();
    return this.#apply(() => random() < kept);
  }

  #apply(isKept: () => boolean): Map<string, number> {
    const names = new Map(this.#durable);
    for (const { operation, id } of this.#pending) {
      if (!isKept()) continue;
      const { path } = operation;
      if (operation.type === 'rename') {
        const moved = names.get(path);
        if (moved === undefined) continue;
        names.delete(path);
        names.set(operation.to, moved);
      } else if (operation.type === 'create') names.set(path, id);
      else names.delete(path);
    }
    return names;
  }
}
