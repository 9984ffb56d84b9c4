import { readFile } from 'node:fs/promises';
import type { Disk, DiskFile } from '../../src/index.ts';

/** One operation that changes the disk, as {@link MemoryDisk} remembers it. */
export type Operation =
  | { readonly type: 'create' | 'remove'; readonly path: string }
  | { readonly type: 'rename'; readonly path: string; readonly to: string }
  | { readonly type: 'write'; readonly file: number; readonly at: number; readonly bytes: Buffer }
  | { readonly type: 'sync'; readonly file: number }
  /** What was written since the last sync will never be on the disk, whatever is synced later: Linux does so. */
  | { readonly type: 'failed-sync'; readonly file: number }
  | { readonly type: 'sync-directory' };

/** What a test lets happen to an operation: throw to let it fail. */
export type Fault = (operation: Operation['type'], path: string) => void;

class MemoryFile {
  readonly id: number;
  bytes: Buffer = Buffer.alloc(0);

  constructor(id: number) {
    this.id = id;
  }

  write(bytes: Buffer, at: number): void {
    if (at + bytes.length > this.bytes.length) {
      const larger = Buffer.alloc(at + bytes.length);
      this.bytes.copy(larger);
      this.bytes = larger;
    }
    bytes.copy(this.bytes, at);
  }
}

export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: as the test wants it`), { code });
}

/** A file system in memory, which can be full, can fail, and remembers what was done to it. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, MemoryFile>();
  readonly operations: Operation[] = [];
  fault: Fault = () => {};
  /** How many bytes its files may take. */
  capacityBytes = Number.POSITIVE_INFINITY;
  openFiles = 0;
  /** How long a sync takes. */
  delay: () => Promise<void> | undefined = () => undefined;
  #lastId = 0;

  get usedBytes(): number {
    return [...this.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** The same content on another disk. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk();
    for (const [path, { bytes }] of this.files) copy.add(path, Buffer.from(bytes));
    return copy;
  }

  add(path: string, bytes: Buffer): void {
    const file = new MemoryFile(++this.#lastId);
    file.bytes = bytes;
    this.files.set(path, file);
  }

  async makeDirectory(): Promise<void> {}

  async list(directory: string): Promise<string[]> {
    const names = [...this.files.keys()].filter((path) => path.startsWith(`${directory}/`));
    return names.map((path) => path.slice(directory.length + 1)).filter((name) => !name.includes('/'));
  }

  async open(path: string, mode: 'read' | 'change' | 'create'): Promise<DiskFile> {
    if (mode === 'create') {
      if (this.files.has(path)) throw diskError('EEXIST');
      this.fault('create', path);
      this.files.set(path, new MemoryFile(++this.#lastId));
      this.operations.push({ type: 'create', path });
    }
    const file = this.files.get(path);
    if (file === undefined) throw diskError('ENOENT');
    this.openFiles++;
    return this.#handle(path, file);
  }

  async rename(path: string, to: string): Promise<void> {
    this.fault('rename', path);
    const file = this.files.get(path);
    if (file === undefined) throw diskError('ENOENT');
    this.files.delete(path);
    this.files.set(to, file);
    this.operations.push({ type: 'rename', path, to });
  }

  /** From the real disk to this one. */
  async adopt(from: string, to: string): Promise<void> {
    this.fault('create', to);
    const bytes = await readFile(from);
    if (this.usedBytes + bytes.length > this.capacityBytes) throw diskError('ENOSPC');
    this.add(to, bytes);
    this.operations.push({ type: 'create', path: to });
  }

  async remove(path: string): Promise<void> {
    this.fault('remove', path);
    if (!this.files.delete(path)) throw diskError('ENOENT');
    this.operations.push({ type: 'remove', path });
  }

  async syncDirectory(path: string): Promise<void> {
    this.fault('sync-directory', path);
    this.operations.push({ type: 'sync-directory' });
  }

  #write(file: MemoryFile, bytes: Buffer, position: number): void {
    file.write(bytes, position);
    this.operations.push({ type: 'write', file: file.id, at: position, bytes: Buffer.from(bytes) });
  }

  #handle(path: string, file: MemoryFile): DiskFile {
    return {
      size: async () => file.bytes.length,
      read: async (into, position) => file.bytes.copy(into, 0, position),
      write: async (bytes, position) => {
        try {
          this.fault('write', path);
        } catch (error) {
          this.#write(file, bytes.subarray(0, bytes.length / 2), position);
          throw error;
        }
        const growth = Math.max(0, position + bytes.length - file.bytes.length);
        if (this.usedBytes + growth > this.capacityBytes) throw diskError('ENOSPC');
        this.#write(file, bytes, position);
      },
      sync: async () => {
        await this.delay();
        try {
          this.fault('sync', path);
        } catch (error) {
          this.operations.push({ type: 'failed-sync', file: file.id });
          throw error;
        }
        this.operations.push({ type: 'sync', file: file.id });
      },
      close: async () => {
        this.openFiles--;
      },
    };
  }
}
