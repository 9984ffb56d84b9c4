import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/lib/workspaces.mjs';

export interface SourceFile {
  /** Relative to the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** All files below `dir` (relative to the root) whose path ends with `suffix`, sorted by path. */
export function filesBelow(dir: string, suffix = ''): string[] {
  return readdirSync(join(ROOT, dir), { recursive: true, withFileTypes: true })
    .filter((found) => found.isFile())
    .map((found) => join(found.parentPath, found.name).slice(ROOT.length).replaceAll('\\', '/'))
    .filter((path) => path.endsWith(suffix))
    .sort();
}

export const readSources = (dir: string): SourceFile[] =>
  filesBelow(dir, '.ts').map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));
