import { constants } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';

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
    await mkdir(path, { recursive: true, mode: 0o750 });
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
  async syncDirectory(path) {
    const handle = await open(path, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};

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
