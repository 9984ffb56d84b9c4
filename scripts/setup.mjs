#!/usr/bin/env node
/**
 * Makes a checkout ready: installs when `node_modules` is not what the lock file asks for, and with `--build`
 * compiles what changed. Needs nothing but Node and npm, says nothing when there is nothing to do.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { satisfies, whyOutdated } from './lib/install-state.mjs';
import { ROOT, readJson, readManifest } from './lib/workspaces.mjs';

const engines = readManifest(ROOT).engines ?? {};

checkNode();
install();
if (process.argv.includes('--build')) {
  build();
  await bundle();
}

function checkNode() {
  const range = engines.node ?? '>=0';
  if (satisfies(process.version, range)) return;
  fail(`Node ${process.version} is too old, this project needs ${range} (see .nvmrc)`);
}

function install() {
  const hiddenLock = join(ROOT, 'node_modules/.package-lock.json');
  const reason = whyOutdated({
    lock: readJson(join(ROOT, 'package-lock.json')),
    installed: existsSync(hiddenLock) ? readJson(hiddenLock) : undefined,
    isPresent: (path) => existsSync(join(ROOT, path, 'package.json')),
    linkTarget,
  });
  if (reason === undefined) return;

  const version = npm(['--version'], 'pipe').stdout.trim();
  const range = engines.npm ?? '>=0';
  if (!satisfies(version, range)) fail(`npm ${version} is too old, this project needs ${range}`);
  say(`installing dependencies (${reason})`);
  const { status } = npm(['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'inherit');
  if (status !== 0) fail(`npm ci failed with exit code ${status}; what it said stands above`);
}

/** @param {string} path */
function linkTarget(path) {
  const absolute = join(ROOT, path);
  if (!existsSync(absolute)) return undefined;
  return relative(realpathSync(ROOT), realpathSync(absolute)).split(sep).join('/');
}

function build() {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const startedAt = performance.now();
  const { status, stdout } = run(
    process.execPath,
    [tsc, '-b', '--listEmittedFiles', '--pretty', 'false'],
    'pipe',
  );
  const lines = stdout.split('\n').filter((line) => line !== '');
  const emitted = lines.filter((line) => line.startsWith('TSFILE:'));
  for (const line of lines) if (!line.startsWith('TSFILE:')) process.stderr.write(`${line}\n`);
  if (status !== 0) fail(`the build failed: tsc -b ended with exit code ${status}`);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (emitted.length > 0) say(`built ${emitted.length} files in ${seconds} s`);
}

async function bundle() {
  const startedAt = performance.now();
  // Not before: it needs what was installed above.
  const { bundleCommands } = await import('./lib/bundle.mjs');
  const written = await bundleCommands();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (written.length > 0) say(`bundled the commands in ${seconds} s`);
}

/**
 * npm as it called us, else the one on the PATH.
 * @param {string[]} args
 * @param {'pipe' | 'inherit'} output
 */
function npm(args, output) {
  const script = process.env['npm_execpath'];
  if (script?.endsWith('npm-cli.js')) return run(process.execPath, [script, ...args], output);
  return run(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, output);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {'pipe' | 'inherit'} output
 */
function run(command, args, output) {
  const result = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', output, 'inherit'],
    shell: command.endsWith('.cmd'),
  });
  if (result.error !== undefined) fail(`cannot start ${command}: ${result.error.message}`);
  return { status: result.status ?? result.signal, stdout: result.stdout ?? '' };
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`setup: ${text}\n`);
}

/**
 * @param {string} text
 * @returns {never}
 */
function fail(text) {
  process.stderr.write(`setup: ${text}\n`);
  process.exit(1);
}
