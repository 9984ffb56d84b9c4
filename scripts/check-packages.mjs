#!/usr/bin/env node
/**
 * Checks the published packages the way a stranger meets them: as tarballs in an empty folder.
 *
 * `--skip-build` takes `dist` as it is. `--write-figures` writes into each README how large its package is installed and
 * how long loading it takes, instead of comparing the size with what stands there.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { figuresComplaints, figuresLine, withFigures } from './lib/package-figures.mjs';
import { siblingClosure, tarballComplaints } from './lib/tarball-rules.mjs';
import { ROOT, readJson, readLibraries } from './lib/workspaces.mjs';

/** @typedef {import('./lib/workspaces.mjs').Workspace & { tarball: string, files: string[] }} Packed */

/** Names that installing the package must not bring, whatever its dependencies declare. */
const MUST_NOT_BRING = {
  '@gearman/client': ['@gearman/worker', '@gearman/server', '@gearman/cli'],
  '@gearman/worker': ['@gearman/client', '@gearman/server', '@gearman/cli'],
  '@gearman/server': ['@gearman/client', '@gearman/worker', '@gearman/pool', '@gearman/cli'],
};

/** Run in the folder of an installation: both ways to load an entry give the same, non-empty module. */
const LOAD_ENTRIES = `
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
for (const entry of process.argv.slice(2)) {
  const required = require(entry); // first: it refuses a top-level await only before import() has run it
  const imported = await import(entry);
  const names = Object.keys(imported).filter((name) => name !== 'default' && name !== 'module.exports');
  if (names.length === 0) throw new Error(entry + ' exports nothing');
  const other = names.filter((name) => required[name] !== imported[name]);
  if (other.length > 0) throw new Error(entry + ': require() gives another ' + other.join(', '));
}
`;

/** Run in the folder of an installation: how long it takes to load an entry, in milliseconds. */
const TIME_IMPORT = `
const startedAt = performance.now();
await import(process.argv[2]);
console.log(performance.now() - startedAt);
`;
const IMPORTS = 9;

/** Run in the folder of an installation of the commands: a queue as gearmand keeps it in sqlite3. */
const MAKE_QUEUE = `
import { createRequire } from 'node:module';
const { Database } = createRequire(import.meta.url)('node-sqlite3-wasm');
const queue = new Database('queue.db');
queue.exec('CREATE TABLE gearman_queue (unique_key TEXT, function_name TEXT, priority INTEGER, data BLOB)');
queue.exec("INSERT INTO gearman_queue VALUES ('u', 'f', 1, 'x')");
queue.close();
`;

const run = promisify(execFile);
const writesFigures = process.argv.includes('--write-figures');
const temp = mkdtempSync(join(tmpdir(), 'gearman-packages-'));
/** @type {string[]} */
const complaints = [];

try {
  if (!process.argv.includes('--skip-build')) {
    execFileSync(process.execPath, [join(ROOT, 'scripts/setup.mjs'), '--build'], { stdio: 'inherit' });
  }
  const packages = await pack();
  await step('tarballs hold what they should', packages, checkContents);
  await step('publint --strict', packages, checkWithPublint);
  await step('attw --profile esm-only', packages, checkWithAttw);
  await step('all installed together: every entry imports and requires', [packages], checkTogether);
  await step(
    'each installed alone: works, brings only what it declares, is as large as it says',
    packages,
    (one) => checkAlone(one, packages),
  );
  if (writesFigures) {
    // In one item, so one after the other: nobody else may use the processor meanwhile.
    await step('figures written', [packages], (all) => all.forEach(writeFigures));
  }
} finally {
  rmSync(temp, { recursive: true, force: true });
}

for (const complaint of complaints) process.stderr.write(`\n✗ ${complaint}\n`);
if (complaints.length > 0) process.exitCode = 1;

/** @returns {Promise<Packed[]>} */
async function pack() {
  const libraries = readLibraries();
  const workspaces = libraries.flatMap(({ name }) => ['--workspace', name]);
  const args = ['pack', '--json', '--loglevel=error', '--ignore-scripts', '--pack-destination', temp];
  const { stdout } = await run('npm', [...args, ...workspaces], { cwd: ROOT, maxBuffer: 2 ** 26 });
  /** @type {{ name: string, filename: string, files: { path: string }[] }[]} */
  const packed = Object.values(JSON.parse(stdout));
  return libraries.map((library) => {
    const found = packed.find(({ name }) => name === library.name);
    if (found === undefined) throw new Error(`npm pack made no tarball of ${library.name}`);
    return {
      ...library,
      tarball: join(temp, found.filename),
      files: found.files.map(({ path }) => path),
    };
  });
}

/** @param {Packed} one */
function checkContents({ name, manifest, files }) {
  complaints.push(...tarballComplaints(manifest, files).map((text) => `${name}: ${text}`));
}

/** @param {Packed} one */
function checkWithPublint({ tarball }) {
  return tool('publint', ['run', tarball, '--strict']);
}

/** @param {Packed} one */
function checkWithAttw({ tarball }) {
  return tool('attw', [
    tarball,
    '--profile',
    'esm-only',
    '--no-definitely-typed',
    '--no-emoji',
    '--format',
    'ascii',
  ]);
}

/** @param {Packed[]} packages */
async function checkTogether(packages) {
  const dir = await install('together', packages);
  await loadEntries(dir, packages);
}

/**
 * @param {Packed} one
 * @param {Packed[]} packages
 */
async function checkAlone(one, packages) {
  const expected = siblingClosure(one.name, packages);
  const dir = await install(
    one.name,
    packages.filter(({ name }) => expected.includes(name)),
  );
  const installed = installedNames(dir);

  const ours = installed.filter((name) => name.startsWith('@gearman/'));
  if (ours.join() !== expected.join())
    throw new Error(`brings ${ours.join(', ')}; expected ${expected.join(', ')}`);
  /** @type {Record<string, string[]>} */
  const forbidden = MUST_NOT_BRING;
  const unwanted = installed.filter((name) => forbidden[one.name]?.includes(name));
  if (unwanted.length > 0) throw new Error(`must not bring ${unwanted.join(', ')}`);
  if (one.name === '@gearman/protocol' && installed.length !== 1) {
    throw new Error(`must bring nothing, but brings ${installed.join(', ')}`);
  }
  await loadEntries(dir, [one]);
  await runCommands(dir, one);
  if (writesFigures) return;
  const readme = readFileSync(join(ROOT, one.dir, 'README.md'), 'utf8');
  const measured = {
    sizeBytes: sizeOf(join(dir, 'node_modules')),
    packages: installed.length,
    importMs: undefined,
  };
  complaints.push(...figuresComplaints(readme, measured).map((text) => `${one.name}: ${text}`));
}

/** @param {Packed} one which is installed alone */
function writeFigures({ name, dir: home, entries }) {
  const dir = folderOf(name);
  const [main] = entries;
  /** @type {number[]} */
  const times = [];
  writeFileSync(join(dir, 'time-import.mjs'), TIME_IMPORT);
  for (let i = 0; main !== undefined && i < IMPORTS; i++) {
    times.push(Number(execFileSync(process.execPath, ['time-import.mjs', main.specifier], { cwd: dir })));
  }
  const figures = {
    sizeBytes: sizeOf(join(dir, 'node_modules')),
    packages: installedNames(dir).length,
    importMs: times.sort((a, b) => a - b)[times.length >> 1],
  };
  const path = join(ROOT, home, 'README.md');
  const line = figuresLine(figures, process.versions.node);
  writeFileSync(path, withFigures(readFileSync(path, 'utf8'), line));
  process.stdout.write(`  ${name}: ${line}\n`);
}

/**
 * Bytes of all files below a folder, without what npm notes down for itself.
 * @param {string} dir
 */
function sizeOf(dir) {
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((found) => found.isFile() && found.name !== '.package-lock.json')
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** @param {string} label of what is installed */
function folderOf(label) {
  return join(temp, label.replace('/', '-'));
}

/**
 * Every command starts from where npm has put it.
 * @param {string} dir
 * @param {Packed} one
 */
async function runCommands(dir, { manifest }) {
  for (const command of Object.keys(manifest.bin ?? {})) {
    const { stdout } = await run(join(dir, 'node_modules/.bin', command), ['--version'], { cwd: dir });
    if (stdout.trim() !== manifest.version) throw new Error(`${command} --version says ${stdout.trim()}`);
  }
  if (manifest.bin?.['gearmand'] !== undefined) await importQueue(dir);
}

/**
 * What reads sqlite3 is not in the bundle, and has a file of its own that must be found.
 * @param {string} dir
 */
async function importQueue(dir) {
  writeFileSync(join(dir, 'make-queue.mjs'), MAKE_QUEUE);
  await run(process.execPath, ['make-queue.mjs'], { cwd: dir });
  const command = join(dir, 'node_modules/.bin/gearmand');
  const { stdout } = await run(command, ['store', 'import', 'jobs', 'queue.db'], { cwd: dir });
  if (!stdout.startsWith('imported 1 job ')) throw new Error(`gearmand store import says ${stdout.trim()}`);
}

/**
 * @param {string} label
 * @param {Packed[]} packages
 */
async function install(label, packages) {
  const dir = folderOf(label);
  mkdirSync(dir);
  const dependencies = Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:${tarball}`]));
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  await run(
    'npm',
    ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: dir },
  );
  return dir;
}

/**
 * Names of everything npm put there, sorted.
 * @param {string} dir
 */
function installedNames(dir) {
  /** @type {{ packages: Record<string, unknown> }} */
  const { packages } = readJson(join(dir, 'node_modules/.package-lock.json'));
  return [...new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')))].sort();
}

/**
 * @param {string} dir
 * @param {Packed[]} packages
 */
async function loadEntries(dir, packages) {
  const script = join(dir, 'load-entries.mjs');
  writeFileSync(script, LOAD_ENTRIES);
  const specifiers = packages.flatMap(({ entries }) => entries.map(({ specifier }) => specifier));
  await run(process.execPath, [script, ...specifiers], {
    cwd: dir,
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
}

/**
 * Runs one of our devDependencies.
 * @param {string} name
 * @param {string[]} args
 */
function tool(name, args) {
  return run(join(ROOT, 'node_modules/.bin', name), args, { cwd: temp });
}

/**
 * Runs one check for each item, a few at a time, and says how it went.
 * @template {Packed | Packed[]} T
 * @param {string} title
 * @param {readonly T[]} items
 * @param {(item: T) => unknown} check
 */
async function step(title, items, check) {
  const before = complaints.length;
  const startedAt = performance.now();
  const queue = [...items];
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        await check(item);
      } catch (error) {
        complaints.push(`${'name' in item ? item.name : title}: ${describe(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const bad = complaints.length - before;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stdout.write(
    `${bad === 0 ? '✓' : '✗'} ${title} (${bad === 0 ? `${seconds} s` : `${bad} complaints`})\n`,
  );
}

/** @param {unknown} error */
function describe(error) {
  if (!(error instanceof Error)) return String(error);
  // The message of a failed child process holds its stderr already.
  const { stdout = '' } = /** @type {{ stdout?: string }} */ (error);
  return `${error.message}\n${stdout}`.trimEnd();
}
