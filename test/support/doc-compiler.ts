import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../../scripts/lib/workspaces.mjs';
import type { DocBlock } from './doc-blocks.ts';

// Of this process: somebody may run the tests twice at a time.
const FOLDER_NAME = `test/.readme/${process.pid}`;
const FOLDER = join(ROOT, FOLDER_NAME);

/** As strict as our own code, but an example may leave a name unused. */
const TSCONFIG = {
  extends: '../../../tsconfig.base.json',
  compilerOptions: {
    composite: false,
    declaration: false,
    declarationMap: false,
    sourceMap: false,
    tsBuildInfoFile: null,
    noUnusedLocals: false,
    noUnusedParameters: false,
    rootDir: 'ts',
    outDir: 'js',
  },
  include: ['ts'],
};

/** `packages/client/README.md`, line 12 → `packages-client-README/line-12`. */
const nameOf = ({ page, line }: DocBlock): string =>
  `${page.replace(/\.md$/, '').replaceAll('/', '-')}/line-${line}`;

/** Where the compiled block lies. */
export const scriptOf = (block: DocBlock): string => join(FOLDER, 'js', `${nameOf(block)}.js`);

/**
 * Writes all blocks as modules into a folder below the root, so that `@gearman/…` means the built packages as a
 * user gets them, and compiles them in one go.
 *
 * @returns what the compiler says, by block; positions are those of the page
 */
export function compileBlocks(blocks: readonly DocBlock[]): Map<DocBlock, string[]> {
  rmSync(FOLDER, { recursive: true, force: true });
  for (const block of blocks) {
    const path = join(FOLDER, 'ts', `${nameOf(block)}.ts`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '\n'.repeat(block.line - 1) + block.code);
  }
  writeFileSync(join(FOLDER, 'tsconfig.json'), JSON.stringify(TSCONFIG));

  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', FOLDER, '--pretty', 'false'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const complaints = new Map(
    blocks.map((block) => [
      block,
      stdout.split('\n').flatMap((line) => {
        const prefix = `${FOLDER_NAME}/ts/${nameOf(block)}.ts`;
        return line.startsWith(prefix) ? [block.page + line.slice(prefix.length)] : [];
      }),
    ]),
  );
  const elsewhere = [...complaints.values()].every((lines) => lines.length === 0);
  if (status !== 0 && elsewhere) throw new Error(`tsc ended with exit code ${status}:\n${stdout}`);
  return complaints;
}

/** Removes what {@link compileBlocks} wrote. */
export function removeCompiledBlocks(): void {
  rmSync(FOLDER, { recursive: true, force: true });
}
