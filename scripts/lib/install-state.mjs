/** Decides, without touching the disk, whether `node_modules` is what `package-lock.json` asks for. */

/**
 * @typedef {object} LockEntry
 * @property {string} [version]
 * @property {string} [integrity]
 * @property {string} [resolved] for a link: the folder it leads to
 * @property {boolean} [link]
 * @property {boolean} [optional]
 */

/** @typedef {{ packages: Record<string, LockEntry> }} Lock */

/**
 * @param {object} input
 * @param {Lock} input.lock `package-lock.json`
 * @param {Lock | undefined} input.installed `node_modules/.package-lock.json`, which npm writes as its last step
 * @param {(path: string) => boolean} input.isPresent whether that folder exists
 * @param {(path: string) => string | undefined} input.linkTarget folder that a link leads to, relative to the root
 * @returns {string | undefined} the first reason to install, or undefined when there is none
 */
export function whyOutdated({ lock, installed, isPresent, linkTarget }) {
  if (installed === undefined) return 'node_modules is missing or incomplete';
  for (const [path, wanted] of Object.entries(lock.packages)) {
    const reason = wanted.link
      ? badLink(path, wanted, linkTarget)
      : badPackage(path, wanted, installed.packages[path], isPresent);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/**
 * @param {string} path
 * @param {LockEntry} wanted
 * @param {(path: string) => string | undefined} linkTarget
 */
function badLink(path, wanted, linkTarget) {
  return linkTarget(path) === wanted.resolved ? undefined : `${path} is no link to ${wanted.resolved}`;
}

/**
 * @param {string} path
 * @param {LockEntry} wanted
 * @param {LockEntry | undefined} found
 * @param {(path: string) => boolean} isPresent
 */
function badPackage(path, wanted, found, isPresent) {
  // The root and the workspaces themselves are not installed, only linked to.
  if (!path.includes('node_modules/')) return undefined;
  // npm leaves out what other platforms need; those entries are optional.
  if (found === undefined) return wanted.optional ? undefined : `${path} is not installed`;
  if (found.version !== wanted.version) return `${path} is ${found.version}, wanted ${wanted.version}`;
  if (found.integrity !== wanted.integrity) return `${path} has other contents than the lock file says`;
  if (!isPresent(path)) return `${path} was deleted`;
  return undefined;
}

/**
 * Compares dotted versions; only the leading numbers count.
 * @param {string} version e.g. `v20.19.0`
 * @param {string} range e.g. `>=20.19.0`, the only form our `engines` use
 */
export function satisfies(version, range) {
  const minimum = /^>=\s*(\d+(?:\.\d+)*)$/.exec(range)?.[1];
  if (minimum === undefined) throw new Error(`engines: "${range}" is not of the form ">=1.2.3"`);
  const have = numbers(version);
  for (const [i, want] of numbers(minimum).entries()) {
    const difference = (have[i] ?? 0) - want;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** @param {string} version */
const numbers = (version) => (version.match(/\d+/g) ?? []).slice(0, 3).map(Number);
