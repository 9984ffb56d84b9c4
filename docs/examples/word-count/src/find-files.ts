import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'coverage']);

/**
 * The files behind the paths: a file as it is, a folder with everything in it that has one of the extensions.
 * Hidden folders and those that tools fill are left out. Sorted, so that every run sees the same order.
 */
export async function findFiles(paths: readonly string[], extensions: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const info = await stat(path);
    if (info.isDirectory()) found.push(...(await filesIn(path, extensions)));
    else found.push(path);
  }
  return found;
}

async function filesIn(folder: string, extensions: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name.startsWith('.') || SKIPPED_FOLDERS.has(entry.name)) continue;
      found.push(...(await filesIn(path, extensions)));
    } else if (entry.isFile() && extensions.includes(extname(entry.name))) {
      found.push(path);
    }
  }
  return found;
}
