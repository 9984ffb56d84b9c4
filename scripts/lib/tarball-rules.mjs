/** What a packed package must look like, decided on its list of files. */

/** @typedef {import('./workspaces.mjs').Manifest} Manifest */

const TEST_FILE =
  /(^|\/)(test|tests|__tests__|bench|fixtures)\/|\.(test|spec|bench)\.|(^|\/)vitest\.|\.snap$/;

/**
 * @param {Manifest} manifest
 * @param {readonly string[]} files paths inside the tarball
 * @returns {string[]} complaints; empty when all is well
 */
export function tarballComplaints(manifest, files) {
  const packed = new Set(files);
  return [
    ...files.filter((file) => TEST_FILE.test(file)).map((file) => `${file} belongs to tests`),
    ...files.filter((file) => file.endsWith('.tsbuildinfo')).map((file) => `${file} belongs to the compiler`),
    ...files
      .filter((file) => isLeftover(file, packed))
      .map((file) => `${file} has no source; clean and build`),
    ...targetsOf(manifest)
      .filter((file) => !packed.has(file))
      .map((file) => `${file} is named in package.json but not packed; build first`),
    ...(packed.has('README.md') ? [] : ['README.md is missing']),
  ];
}

/**
 * Compiled from a file that is gone: `tsc` never removes its output.
 * @param {string} file
 * @param {ReadonlySet<string>} packed
 */
function isLeftover(file, packed) {
  const name = /^dist\/(.*?)(\.d\.ts|\.js)(\.map)?$/.exec(file)?.[1];
  return name !== undefined && !packed.has(`src/${name}.ts`);
}

/** @param {Manifest} manifest */
function targetsOf({ exports = {}, bin = {} }) {
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  return [...targets, ...Object.values(bin)].map((path) => path.replace(/^\.\//, ''));
}

/**
 * The packages of this repository that installing `name` brings, itself included.
 * @param {string} name
 * @param {readonly { name: string, manifest: Manifest }[]} libraries
 * @returns {string[]} sorted
 */
export function siblingClosure(name, libraries) {
  /** @type {Set<string>} */
  const found = new Set();
  /** @param {string} current */
  const visit = (current) => {
    const library = libraries.find((candidate) => candidate.name === current);
    if (library === undefined || found.has(current)) return;
    found.add(current);
    Object.keys(library.manifest.dependencies ?? {}).forEach(visit);
  };
  visit(name);
  return [...found].sort();
}
