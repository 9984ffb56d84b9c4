/**
 * Bundles the commands of @gearman/cli: one file for each, and what they load later in files beside them. A process that
 * has to find and read a hundred modules before it starts takes twice as long as one that reads two.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, relative } from 'node:path';
import { ROOT, readJson, readManifest, readWorkspaces } from './workspaces.mjs';

const CLI = join(ROOT, 'packages/cli');
const OUT = join(CLI, 'bundle');
/** Written last, so that a bundle without it is not complete. Names what it was made of. */
const RECORD = join(OUT, 'made-of.json');
const LICENSES = 'LICENSES.txt';

/** Packages that start processes or threads from files of their own, or read such files; those are not in the bundle. */
const EXTERNAL = ['@gearman/worker/supervisor', 'node-sqlite3-wasm'];

/**
 * Bundles unless nothing has changed since the last time.
 * @returns {Promise<string[]>} the files that were written, relative to the root; empty when all is as it should be
 */
export async function bundleCommands() {
  if (isFresh()) return [];
  // Only when it is needed: loading it takes longer than looking at times.
  const { build } = await import('esbuild');
  const names = Object.keys(readManifest(CLI).bin ?? {});
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(names.map((name) => [name, join(CLI, `src/${name}.ts`)])),
    outdir: OUT,
    bundle: true,
    // What a command loads later stays a file of its own; what commands share is there once.
    splitting: true,
    chunkNames: '[name]-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: EXTERNAL,
    legalComments: 'none',
    // CommonJS packages ask for Node's modules by require().
    banner: {
      js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
    },
    plugins: [ourSources(), smallLibraries()],
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  const inputs = Object.keys(metafile.inputs);
  mkdirSync(OUT, { recursive: true });
  rmSync(RECORD, { force: true });
  // Commands last: one that starts meanwhile finds the files it asks for.
  const files = outputFiles.map(({ path, contents }) => ({ name: basename(path), contents }));
  const isEntry = (/** @type {string} */ name) => names.includes(name.replace(/\.js$/, ''));
  for (const { name, contents } of [...files].sort(
    (a, b) => Number(isEntry(a.name)) - Number(isEntry(b.name)),
  )) {
    put(name, contents);
  }
  put(LICENSES, licensesOf(inputs));
  const wanted = new Set([LICENSES, ...files.map(({ name }) => name)]);
  for (const name of readdirSync(OUT)) if (!wanted.has(name)) rmSync(join(OUT, name), { force: true });
  put(basename(RECORD), JSON.stringify({ inputs: [...inputs, ...MADE_BY], outputs: summarize(metafile) }));
  return [...wanted].map((name) => relative(ROOT, join(OUT, name)));
}

/**
 * What a test needs to know about how much a command loads.
 * @param {import('esbuild').Metafile} metafile
 */
function summarize({ outputs }) {
  return Object.entries(outputs).map(([path, { bytes, entryPoint, imports, inputs }]) => ({
    name: basename(path),
    bytes,
    /** The source that is loaded with this file, when there is one. */
    source: entryPoint,
    /** What is loaded with it at once. */
    imports: imports
      .filter(({ kind, external }) => kind === 'import-statement' && external !== true)
      .map((each) => basename(each.path)),
    /** What else it asks for by name. */
    foreign: imports.filter(({ external }) => external === true).map((each) => each.path),
    packages: [...new Set(Object.keys(inputs).flatMap((input) => packageOf(input) ?? []))].sort(),
  }));
}

/** @param {string} path */
const packageOf = (path) =>
  /(?:^|\/)(?:node_modules|packages)\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules)/.exec(path)?.[1];

/** What decides about a bundle beside its sources. */
const MADE_BY = ['scripts/lib/bundle.mjs', 'package-lock.json', 'packages/cli/package.json'];

/** True when nothing that went into the bundle is newer than it. */
function isFresh() {
  if (!existsSync(RECORD)) return false;
  const madeAt = statSync(RECORD).mtimeMs;
  /** @type {{ inputs: string[] }} */
  const { inputs } = readJson(RECORD);
  return inputs.every((path) => {
    const found = statSync(join(ROOT, path), { throwIfNoEntry: false });
    return found !== undefined && found.mtimeMs <= madeAt;
  });
}

/**
 * Whole files only, for processes that start at this moment.
 * @param {string} name
 * @param {string | Uint8Array} contents
 */
function put(name, contents) {
  const temporary = join(OUT, `.${name}.${process.pid}`);
  writeFileSync(temporary, contents);
  renameSync(temporary, join(OUT, name));
}

/** Takes the sources of this repository and not what was compiled from them: no order of builds to keep. */
function ourSources() {
  const entries = new Map(
    readWorkspaces().flatMap((workspace) => workspace.entries.map((entry) => [entry.specifier, entry])),
  );
  return {
    name: 'our sources',
    /** @param {import('esbuild').PluginBuild} bundler */
    setup(bundler) {
      bundler.onResolve({ filter: /^@gearman\// }, ({ path }) => {
        const entry = entries.get(path);
        if (entry === undefined || EXTERNAL.includes(path)) return undefined;
        return { path: join(ROOT, entry.source), sideEffects: false };
      });
    },
  };
}

/**
 * Lets esbuild leave out what is not used of two libraries: rxjs hides its ES modules from Node.js, and `z` is an object
 * that holds all of zod unless it is a namespace.
 */
function smallLibraries() {
  const rxjs = join(ROOT, 'node_modules/rxjs/dist/esm/index.js');
  return {
    name: 'small libraries',
    /** @param {import('esbuild').PluginBuild} bundler */
    setup(bundler) {
      bundler.onResolve({ filter: /^rxjs$/ }, () => ({ path: rxjs, sideEffects: false }));
      bundler.onLoad({ filter: /[\\/]packages[\\/][^\\/]+[\\/]src[\\/].*\.ts$/ }, ({ path }) => ({
        loader: 'ts',
        contents: readFileSync(path, 'utf8').replace("import { z } from 'zod'", "import * as z from 'zod'"),
      }));
    },
  };
}

/**
 * The licences of all foreign packages that are inside.
 * @param {readonly string[]} inputs
 */
function licensesOf(inputs) {
  const folders = new Set(
    inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  );
  const texts = [...folders].sort().map((folder) => {
    const dir = join(ROOT, folder);
    const { name, version, license } = readJson(join(dir, 'package.json'));
    const file = readdirSync(dir).find((each) => /^licen[cs]e(\.\w+)?$/i.test(each));
    const text = file === undefined ? `Licence: ${license}` : readFileSync(join(dir, file), 'utf8').trim();
    return `${name} ${version}\n\n${text}\n`;
  });
  return `These packages are part of the files in this folder.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
