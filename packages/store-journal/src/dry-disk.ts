import type { Disk, DiskFile } from './disk.ts';

/** A disk on which everything can be read, and nothing happens when it is told to change something. */
export function dryDisk(disk: Disk): Disk {
  const nothing = async (): Promise<void> => {};
  const made = new Set<string>();
  return {
    async makeDirectory(path) {
      made.add(path);
    },
    rename: nothing,
    adopt: nothing,
    remove: nothing,
    syncDirectory: nothing,
    async list(directory) {
      try {
        return await disk.list(directory);
      } catch (error) {
        if (made.has(directory) && (error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
      }
    },
    async open(path, mode) {
      if (mode === 'create') return EMPTY_FILE;
      const file = await disk.open(path, 'read');
      return {
        size: () => file.size(),
        read: (into, position) => file.read(into, position),
        close: () => file.close(),
        write: nothing,
        sync: nothing,
      };
    },
  };
}

const EMPTY_FILE: DiskFile = {
  size: async () => 0,
  read: async () => 0,
  write: async () => {},
  sync: async () => {},
  close: async () => {},
};
