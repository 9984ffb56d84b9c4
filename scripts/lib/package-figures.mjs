/**
 * The line of a package's README that says what installing and loading it costs: written by
 * `npm run check:packages -- --write-figures`, the size checked by every `npm run check:packages`.
 */

/**
 * @typedef {object} Figures
 * @property {number} sizeBytes what is in `node_modules` after installing it
 * @property {number} packages how many packages that are, itself included
 * @property {number | undefined} importMs how long loading its main entry takes; undefined when it was not measured
 */

const TOLERANCE = 0.1;
const LINE = /^Installed: (\d+\.\d\d) MB in (\d+) packages?(?:; loaded in (\d+) ms with Node\.js \d+)?\.$/m;

/**
 * @param {Figures} figures
 * @param {string} nodeVersion such as `20.19.0`
 */
export function figuresLine({ sizeBytes, packages, importMs }, nodeVersion) {
  const size = `${(sizeBytes / 1e6).toFixed(2)} MB in ${packages} package${packages === 1 ? '' : 's'}`;
  const [major] = nodeVersion.split('.');
  const loaded = importMs === undefined ? '' : `; loaded in ${Math.round(importMs)} ms with Node.js ${major}`;
  return `Installed: ${size}${loaded}.`;
}

/**
 * @param {string} readme
 * @returns {Figures | undefined} what the README says
 */
export function readFigures(readme) {
  const [, megabytes, packages, importMs] = LINE.exec(readme) ?? [];
  if (megabytes === undefined) return undefined;
  return {
    sizeBytes: Number(megabytes) * 1e6,
    packages: Number(packages),
    importMs: importMs === undefined ? undefined : Number(importMs),
  };
}

/**
 * Puts the line into a README, in place of the one that is there, or behind how to install the package.
 * @param {string} readme
 * @param {string} line
 */
export function withFigures(readme, line) {
  if (LINE.test(readme)) return readme.replace(LINE, line);
  const install = /^(?:```sh\nnpm install [^\n]*\n```| {4}npm install [^\n]*)\n/m;
  if (!install.test(readme)) throw new Error('the README does not say how to install the package');
  return readme.replace(install, (block) => `${block}\n${line}\n`);
}

/**
 * @param {string} readme
 * @param {Figures} measured
 * @returns {string[]} complaints; empty when what the README says is near enough. The time is not looked at: it is
 * another on every machine
 */
export function figuresComplaints(readme, measured) {
  const said = readFigures(readme);
  const remedy = 'npm run check:packages -- --write-figures';
  if (said === undefined) return [`the README does not say how large it is: ${remedy}`];
  const off = Math.abs(said.sizeBytes - measured.sizeBytes) / measured.sizeBytes;
  if (off <= TOLERANCE && said.packages === measured.packages) return [];
  const [says, is] = [said, measured].map(
    ({ sizeBytes, packages }) => `${(sizeBytes / 1e6).toFixed(2)} MB in ${packages}`,
  );
  return [`the README says ${says} packages, it is ${is}: ${remedy}`];
}
