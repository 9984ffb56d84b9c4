import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buildSync } from 'esbuild';
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

/** Where the block lies, ready to run. */
export const scriptOf = (block: DocBlock): string => join(FOLDER, 'run', `${nameOf(block)}.js`);

/** These start files of their own, which a bundle does not have. */
const NOT_BUNDLED = ['@gearman/worker/supervisor'];

/**
 * Writes all blocks as modules into a folder below the root, so that `@gearman/…` means the built packages as a
 * user gets them, compiles them in one go, and bundles each with what it imports.
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
  bundle(blocks);
  return complaints;
}

/** Two hundred processes that each look for the same three hundred files would take most of their time for that. */
function bundle(blocks: readonly DocBlock[]): void {
  buildSync({
    absWorkingDir: FOLDER,
    entryPoints: blocks.map((block) => `js/${nameOf(block)}.js`),
    outbase: 'js',
    outdir: 'run',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: NOT_BUNDLED,
    logLevel: 'error',
    // CommonJS packages ask for Node's modules by require().
    banner: {
      js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
    },
  });
}

/** Removes what {@link compileBlocks} wrote. */
export function removeCompiledBlocks(): void {
  rmSync(FOLDER, { recursive: true, force: true });
}
