/**
 * What this repository contains, read from its package.json files: the one source for scripts, tests and the
 * test runner's aliases.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The part of a package.json that we use.
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {boolean} [private]
 * @property {Record<string, string | { types?: string, default?: string }>} [exports]
 * @property {Record<string, string>} [bin]
 * @property {string[]} [workspaces]
 * @property {{ node?: string, npm?: string }} [engines]
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [devDependencies]
 * @property {Record<string, string>} [peerDependencies]
 * @property {Record<string, string>} [optionalDependencies]
 */

/**
 * One importable name of a package, e.g. `@gearman/worker/supervisor`.
 * @typedef {object} Entry
 * @property {string} specifier
 * @property {string} source path of the TypeScript file behind it, relative to the root
 */

/**
 * @typedef {object} Workspace
 * @property {string} name
 * @property {string} dir relative to the root, with `/`
 * @property {Manifest} manifest
 * @property {Entry[]} entries
 */

/** The top folder of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * @param {string} path
 * @returns {any} what the file says; the caller names the type
 */
export const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/**
 * @param {string} root
 * @returns {Manifest}
 */
export const readManifest = (root) => readJson(join(root, 'package.json'));

/**
 * Every workspace, in the order of their names.
 * @param {string} [root]
 * @returns {Workspace[]}
 */
export function readWorkspaces(root = ROOT) {
  const patterns = readManifest(root).workspaces ?? [];
  return patterns
    .flatMap((pattern) => expand(root, pattern))
    .filter((dir) => existsSync(join(root, dir, 'package.json')))
    .map((dir) => {
      const manifest = readManifest(join(root, dir));
      return { name: manifest.name, dir, manifest, entries: entriesOf(dir, manifest) };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The workspaces that are published.
 * @param {string} [root]
 */
export const readLibraries = (root = ROOT) => readWorkspaces(root).filter((w) => w.manifest.private !== true);

/**
 * `packages/*` becomes one folder per package; any other pattern is a folder already.
 * @param {string} root
 * @param {string} pattern
 */
function expand(root, pattern) {
  if (!pattern.endsWith('/*')) return [pattern];
  const parent = pattern.slice(0, -2);
  if (!existsSync(join(root, parent))) return [];
  return readdirSync(join(root, parent), { withFileTypes: true })
    .filter((found) => found.isDirectory())
    .map((found) => `${parent}/${found.name}`);
}

/**
 * @param {string} dir
 * @param {Manifest} manifest
 * @returns {Entry[]}
 */
function entriesOf(dir, manifest) {
  return Object.entries(manifest.exports ?? {})
    .filter(([key]) => key !== './package.json')
    .map(([key, target]) => {
      const file = typeof target === 'string' ? target : target.default;
      if (file === undefined) throw new Error(`${dir}/package.json: exports["${key}"] has no "default"`);
      return {
        specifier: manifest.name + key.slice(1),
        source: `${dir}/${file.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts')}`,
      };
    });
}
