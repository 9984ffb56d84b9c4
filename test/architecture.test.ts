import { existsSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Manifest, ROOT, readJson, readLibraries, readWorkspaces } from '../scripts/lib/workspaces.mjs';
import { type Import, importsOf } from './support/module-text.ts';
import { filesBelow, readSources } from './support/source-files.ts';

/** What each published package may need at run time. A new arrow is a decision: make it here first. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  '@gearman/protocol': [],
  '@gearman/events': ['eventemitter3', 'rxjs'],
  '@gearman/pool': ['@gearman/events', '@gearman/protocol', 'zod'],
  '@gearman/client': ['@gearman/events', '@gearman/pool', '@gearman/protocol', 'zod'],
  '@gearman/worker': ['@gearman/events', '@gearman/pool', '@gearman/protocol', 'keyv', 'zod'],
  '@gearman/store-journal': ['@gearman/events', '@gearman/protocol', '@gearman/server', 'zod'],
  '@gearman/store-postgres': ['@gearman/events', '@gearman/protocol', '@gearman/server', 'pg', 'zod'],
  '@gearman/admin': ['@gearman/events', '@gearman/pool', '@gearman/protocol', 'zod'],
  '@gearman/server': ['@gearman/events', '@gearman/protocol', 'croner', 'find-my-way', 'zod'],
  '@gearman/testing': ['@gearman/events', '@gearman/protocol', '@gearman/server'],
  '@gearman/cli': [
    '@gearman/admin',
    '@gearman/client',
    '@gearman/events',
    '@gearman/pool',
    '@gearman/protocol',
    '@gearman/server',
    '@gearman/store-journal',
    '@gearman/store-postgres',
    '@gearman/worker',
    'commander',
    'node-sqlite3-wasm',
    'pino',
    'prom-client',
    'zod',
  ],
};

const workspaces = readWorkspaces();
const libraries = readLibraries();
const entryNames = new Set(workspaces.flatMap((w) => w.entries.map((entry) => entry.specifier)));

interface Used extends Import {
  readonly file: string;
}

/** Every import statement of a package's sources. */
const importsIn = (dir: string): Used[] =>
  readSources(`${dir}/src`).flatMap(({ path, text }) =>
    importsOf(text).map((used) => ({ ...used, file: path })),
  );

const isRelative = (specifier: string): boolean => specifier.startsWith('.');
const isBuiltin = (specifier: string): boolean =>
  specifier.startsWith('node:') || builtinModules.includes(specifier);
const isOurs = (specifier: string): boolean => specifier.startsWith('@gearman/');

/** `@scope/name/deep` → `@scope/name`. */
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

const dependenciesOf = ({ dependencies, peerDependencies, optionalDependencies }: Manifest): string[] =>
  Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies }).sort();

test('the table of arrows names every published package', () => {
  expect(libraries.map((library) => library.name)).toEqual(Object.keys(ARROWS).sort());
});

test('the arrows form no cycle', () => {
  for (const name of Object.keys(ARROWS)) expect(reachable(name)).not.toContain(name);
});

describe.each(libraries)('$name', ({ name, dir, manifest }) => {
  test('declares exactly its arrows as dependencies', () => {
    expect(dependenciesOf(manifest)).toEqual(ARROWS[name]);
  });

  test('imports only what it declares', () => {
    const undeclared = importsIn(dir)
      .filter(({ specifier }) => !isRelative(specifier) && !isBuiltin(specifier))
      .filter(({ specifier }) => !dependenciesOf(manifest).includes(packageOf(specifier)))
      .map(({ file, specifier }) => `${file}: ${specifier}`);
    expect(undeclared).toEqual([]);
  });

  // The command line may carry packages for commands that are still to come; a library may not.
  test.skipIf(name === '@gearman/cli')('needs everything it declares', () => {
    const used = new Set(importsIn(dir).map(({ specifier }) => packageOf(specifier)));
    expect(dependenciesOf(manifest).filter((dependency) => !used.has(dependency))).toEqual([]);
  });

  test('reaches siblings only through their exports', () => {
    const deep = importsIn(dir)
      .filter(({ specifier }) => isOurs(specifier) && !entryNames.has(specifier))
      .map(({ file, specifier }) => `${file}: ${specifier}`);
    expect(deep).toEqual([]);
  });

  test('stays inside its own folder with relative imports', () => {
    const outside = importsIn(dir)
      .filter(({ specifier }) => isRelative(specifier))
      .filter(({ file, specifier }) => !posix.join(posix.dirname(file), specifier).startsWith(`${dir}/src/`))
      .map(({ file, specifier }) => `${file}: ${specifier}`);
    expect(outside).toEqual([]);
  });

  test('takes only Observable from rxjs, in @gearman/events', () => {
    const wrong = importsIn(dir)
      .filter(({ specifier, typeOnly }) => packageOf(specifier) === 'rxjs' && !typeOnly)
      .filter(
        ({ specifier, names }) =>
          name !== '@gearman/events' || specifier !== 'rxjs' || names.join() !== 'Observable',
      )
      .map(({ file, specifier, names }) => `${file}: { ${names.join(', ')} } from ${specifier}`);
    expect(wrong).toEqual([]);
  });

  test('holds no test in src', () => {
    const tests = filesBelow(`${dir}/src`).filter((path) =>
      /\.(test|spec)\.|\/(test|tests|__tests__)\//.test(path),
    );
    expect(tests).toEqual([]);
  });

  test('refers to the siblings it imports in tsconfig.json', () => {
    const references = referencesOf(`${dir}/tsconfig.json`).map((path) => posix.basename(path));
    const siblings = importsIn(dir).map(({ specifier }) => packageOf(specifier));
    const wanted = new Set(siblings.filter(isOurs).map((sibling) => posix.basename(sibling)));
    expect(references.toSorted()).toEqual([...wanted].toSorted());
  });

  test('has a README', () => {
    expect(existsSync(join(ROOT, dir, 'README.md'))).toBe(true);
  });
});

/** What encoding payloads takes: it runs on Node, Deno and Bun, the rest of the protocol in browsers as well. */
const PAYLOAD = 'packages/protocol/src/payload/';
const PAYLOAD_BUILTINS = ['node:buffer', 'node:crypto', 'node:string_decoder', 'node:zlib'];

test('@gearman/protocol imports nothing, not even from Node, but for payloads', () => {
  const foreign = importsIn('packages/protocol')
    .filter(({ specifier }) => !isRelative(specifier))
    .filter(({ file, specifier }) => !file.startsWith(PAYLOAD) || !PAYLOAD_BUILTINS.includes(specifier));
  expect(foreign.map(({ file, specifier }) => `${file}: ${specifier}`)).toEqual([]);
});

test('@gearman/protocol itself does not load its payloads', () => {
  const outside = importsIn('packages/protocol')
    .filter(({ file }) => !file.startsWith(PAYLOAD))
    .filter(({ file, specifier }) => posix.join(posix.dirname(file), specifier).startsWith(PAYLOAD));
  expect(outside.map(({ file, specifier }) => `${file}: ${specifier}`)).toEqual([]);
});

test('@gearman/client never reaches the worker or the server, @gearman/worker never the client', () => {
  expect(reachable('@gearman/client')).not.toContain('@gearman/worker');
  expect(reachable('@gearman/client')).not.toContain('@gearman/server');
  expect(reachable('@gearman/worker')).not.toContain('@gearman/client');
});

test('the build covers every workspace that has sources', () => {
  const withSources = workspaces.filter(({ dir }) => existsSync(join(ROOT, dir, 'src')));
  const built = referencesOf('tsconfig.json');
  expect(built.toSorted()).toEqual(withSources.map(({ dir }) => dir).toSorted());
});

test('tsconfig.test.json maps every entry to its source', () => {
  const { compilerOptions } = readJson(join(ROOT, 'tsconfig.test.json'));
  const wanted = workspaces.flatMap(({ entries }) =>
    entries.map(({ specifier, source }) => [specifier, [`./${source}`]]),
  );
  expect(compilerOptions.paths).toEqual(Object.fromEntries(wanted));
});

test('package-lock.json is in step with every package.json and names no registry', () => {
  const lock = readJson(join(ROOT, 'package-lock.json'));
  for (const { dir, manifest } of workspaces) {
    const { dependencies, devDependencies } = lock.packages[dir] ?? {};
    const locked = { dependencies, devDependencies };
    expect(locked, dir).toEqual({
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
    });
  }
  const urls = Object.values<{ resolved?: string }>(lock.packages).map((entry) => entry.resolved ?? '');
  expect(urls.filter((url) => url.includes('://'))).toEqual([]);
});

/** Every package that loading `name` can load, by what the sources really import. */
function reachable(name: string): Set<string> {
  const seen = new Set<string>();
  const visit = (current: string): void => {
    const dir = libraries.find((library) => library.name === current)?.dir;
    if (dir === undefined) return;
    for (const { specifier } of importsIn(dir)) {
      const next = packageOf(specifier);
      if (!isOurs(next) || seen.has(next)) continue;
      seen.add(next);
      visit(next);
    }
  };
  visit(name);
  return seen;
}

function referencesOf(path: string): string[] {
  const { references = [] }: { references?: { path: string }[] } = readJson(join(ROOT, path));
  return references.map((reference) => reference.path);
}
