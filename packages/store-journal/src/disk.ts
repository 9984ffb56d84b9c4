import { constants } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** An open file, as the journal uses one. */
export interface DiskFile {
  size(): Promise<number>;
  /** Fills `into` from `position`; returns how many bytes there were. */
  read(into: Buffer, position: number): Promise<number>;
  /** Writes all of `bytes`. */
  write(bytes: Buffer, position: number): Promise<void>;
  /** Resolves when everything written is on the disk (fdatasync). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The operations of a file system that the journal uses: what a test replaces to let a disk fail. */
export interface Disk {
  /** Makes a directory and those above it where they are not there; their names are durable then. */
  makeDirectory(path: string): Promise<void>;
  list(directory: string): Promise<string[]>;
  open(path: string, mode: 'read' | 'change' | 'create'): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  /** Gives a file that somebody else has made a second name, or copies it where that cannot be. */
  adopt(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Makes created, renamed and removed names of a directory durable. */
  syncDirectory(path: string): Promise<void>;
}

const FLAGS = {
  read: constants.O_RDONLY,
  change: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
};

const NO_LINK: ReadonlySet<string> = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK']);

export const systemDisk: Disk = {
  async makeDirectory(path) {
    const first = await mkdir(path, { recursive: true, mode: 0o750 });
    if (first === undefined) return;
    // Otherwise a power cut may take the new directory away, with everything that was synced in it.
    const last = resolve(first);
    for (let made = resolve(path); ; made = dirname(made)) {
      await syncParent(made);
      if (made === last) return;
    }
  },
  list: (directory) => readdir(directory),
  async open(path, mode) {
    return new SystemFile(await open(path, FLAGS[mode], 0o640));
  },
  rename,
  async adopt(from, to) {
    try {
      await link(from, to);
    } catch (error) {
      // On another file system, or on one without links.
      if (!NO_LINK.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    }
  },
  remove: unlink,
  syncDirectory,
};

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncParent(path: string): Promise<void> {
  try {
    await syncDirectory(dirname(path));
  } catch (error) {
    // Whoever may make a directory somewhere need not be allowed to read there; then nothing can be done.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM') throw error;
  }
}

class SystemFile implements DiskFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(into: Buffer, position: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await this.#handle.read(into, done, into.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(bytes: Buffer, position: number): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
