import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

interface Output {
  readonly name: string;
  readonly bytes: number;
  /** The source that asks for this file. */
  readonly source?: string;
  readonly imports: readonly string[];
  readonly foreign: readonly string[];
  readonly packages: readonly string[];
}

const FOLDER = new URL('../../bundle/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');
const { outputs }: { outputs: readonly Output[] } = JSON.parse(read('made-of.json'));

/** Everything that is loaded when these sources are. */
function loaded(sources: readonly string[]): readonly Output[] {
  const found = new Set<Output>();
  const visit = (output: Output | undefined): void => {
    if (output === undefined || found.has(output)) return;
    found.add(output);
    for (const name of output.imports) visit(outputs.find((each) => each.name === name));
  };
  for (const source of sources) {
    const output = outputs.find((each) => each.source === source);
    expect(output, source).toBeDefined();
    visit(output);
  }
  return [...found];
}

/** What runs of a command load, and how much that may be. A command that starts slowly loads too much. */
const RUNS = [
  {
    run: 'gearman --version',
    sources: ['cli/src/gearman.ts'],
    files: 4,
    kib: 8,
    without: ['commander', 'zod'],
  },
  {
    run: 'gearman -f …',
    sources: ['cli/src/gearman.ts', 'cli/src/classic/run.ts', 'cli/src/classic/client-mode.ts'],
    files: 18,
    kib: 700,
    without: ['commander', 'worker', 'admin', 'server', 'prom-client'],
  },
  {
    run: 'gearman -w …',
    sources: ['cli/src/gearman.ts', 'cli/src/classic/run.ts', 'cli/src/classic/worker-mode.ts'],
    files: 18,
    kib: 700,
    without: ['commander', 'client', 'admin', 'server', 'prom-client'],
  },
  {
    run: 'gearman status',
    sources: ['cli/src/gearman.ts', 'cli/src/commands/program.ts', 'admin/src/index.ts'],
    files: 18,
    kib: 800,
    without: ['client', 'worker', 'server', 'prom-client', 'pino'],
  },
  {
    run: 'gearadmin --status',
    sources: ['cli/src/gearadmin.ts', 'admin/src/index.ts'],
    files: 14,
    kib: 600,
    without: ['commander', 'client', 'worker', 'server', 'prom-client', 'pino'],
  },
  {
    run: 'gearmand',
    sources: ['cli/src/gearmand.ts'],
    files: 8,
    kib: 1000,
    without: ['find-my-way', 'client', 'worker', 'admin', 'prom-client'],
  },
];

describe.each(RUNS)('$run', ({ sources, files, kib, without }) => {
  const all = loaded(sources.map((source) => `packages/${source}`));

  test(`loads no more than ${files} files and ${kib} KiB`, () => {
    expect(all.length).toBeLessThanOrEqual(files);
    expect(all.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(kib * 1024);
  });

  test('loads nothing that it does not use', () => {
    const packages = new Set(all.flatMap((output) => output.packages));
    expect(without.filter((name) => packages.has(name))).toEqual([]);
  });
});

test('the bundle asks for nothing but Node.js, and what must stay outside', () => {
  const foreign = new Set(outputs.flatMap((output) => output.foreign));
  const modules = new Set(process.getBuiltinModule('node:module').builtinModules);
  const others = [...foreign].filter((name) => !name.startsWith('node:') && !modules.has(name));
  // prom-client looks for the first one and pg for the second, and both do without.
  const known = ['@opentelemetry/api', 'pg-native', '@gearman/worker/supervisor', 'node-sqlite3-wasm'];
  expect(others.filter((name) => !known.includes(name))).toEqual([]);
});

test('every command has a file, and each foreign package its licence', () => {
  for (const name of ['gearman', 'gearadmin', 'gearmand']) {
    expect(existsSync(fileURLToPath(new URL(`${name}.js`, FOLDER)))).toBe(true);
    expect(statSync(new URL(`../bin/${name}.js`, FOLDER)).mode & 0o111).toBe(0o111);
  }
  const licenses = read('LICENSES.txt');
  for (const name of [
    'commander',
    'zod',
    'rxjs',
    'eventemitter3',
    'pino',
    'prom-client',
    'find-my-way',
    'pg',
  ]) {
    expect(licenses).toMatch(new RegExp(`^${name} \\d`, 'm'));
  }
});
