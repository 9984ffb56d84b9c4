import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { InteropReporter } from './scripts/lib/interop-reporter.mjs';
import { readWorkspaces } from './scripts/lib/workspaces.mjs';

/** `@gearman/x` means the sources of that package, so that tests need no build. */
const alias = readWorkspaces()
  .flatMap((workspace) => workspace.entries)
  .map(({ specifier, source }) => ({
    find: new RegExp(`^${specifier}$`),
    replacement: fileURLToPath(new URL(source, import.meta.url)),
  }));

/** gearmand's tools have the names of our commands, and npm puts ours in front: tests that want ours name the file. */
const pathWithoutOurs = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.endsWith(join('node_modules', '.bin')))
  .join(delimiter);

export default defineConfig({
  resolve: { alias },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    env: { PATH: pathWithoutOurs },
    globalSetup: ['scripts/lib/bundle-for-tests.mjs'],
    // Processes, not threads: tests open sockets, fork, and look for what was left open.
    pool: 'forks',
    // Test files of one process share what they import: half the processor time was spent on importing it again.
    isolate: false,
    maxWorkers: Math.max(2, availableParallelism()),
    testTimeout: 20_000,
    hookTimeout: 20_000,
    reporters: ['default', new InteropReporter()],
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      exclude: ['packages/bench/**'],
      reporter: ['text', 'html'],
    },
  },
});
