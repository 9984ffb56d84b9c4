import { type FileHandle, mkdir, open, readdir, unlink } from 'node:fs/promises';

/** What a spool uses of the file system: what a test replaces to let a disk fail. */
export interface SpoolDisk {
  makeDirectory(path: string): Promise<unknown>;
  list(directory: string): Promise<string[]>;
  /** Opens a new file for writing. */
  create(path: string): Promise<Pick<FileHandle, 'writev' | 'datasync' | 'close'>>;
  remove(path: string): Promise<void>;
}

export const systemSpoolDisk: SpoolDisk = {
  makeDirectory: (path) => mkdir(path, { recursive: true, mode: 0o750 }),
  list: readdir,
  create: (path) => open(path, 'wx', 0o640),
  remove: unlink,
};
