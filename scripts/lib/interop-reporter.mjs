/**
 * Watches the tests that need foreign programs (files below a folder `interop`, `peers` or `differential`). Says loudly
 * when some were skipped; with GEARMAN_REQUIRE_INTEROP=1 that fails the run, and so does a run of all tests that met none.
 */

const DEBIAN_PACKAGES = [
  'gearman-job-server',
  'gearman-tools',
  'php-cli',
  'php-gearman',
  'libgearman-client-perl',
  'redis-server',
  'postgresql',
];

/** @typedef {{ moduleId: string, children: { allTests(): Iterable<{ fullName: string, result(): { state: string } }> } }} Module */

export class InteropReporter {
  /** @param {ReadonlyArray<Module>} modules */
  onTestRunEnd(modules) {
    const tests = modules
      .filter((module) => /[\\/](interop|peers|differential)[\\/]/.test(module.moduleId))
      .flatMap((module) => [...module.children.allTests()]);
    const skipped = tests.filter((test) => test.result().state === 'skipped');
    const required = process.env['GEARMAN_REQUIRE_INTEROP'] === '1';
    const complaint = complain(tests.length, skipped.length, required);
    if (complaint === undefined) return;

    process.stderr.write(`\n${complaint}\n`);
    for (const test of skipped) process.stderr.write(`  skipped: ${test.fullName}\n`);
    process.stderr.write(`  on Debian: apt-get install ${DEBIAN_PACKAGES.join(' ')}\n\n`);
    if (required) process.exitCode = 1;
  }
}

/**
 * @param {number} found
 * @param {number} skipped
 * @param {boolean} required
 * @returns {string | undefined} undefined when all is well
 */
export function complain(found, skipped, required) {
  if (skipped > 0)
    return `INTEROP: ${skipped} of ${found} tests against gearmand and other peers were SKIPPED`;
  if (required && found === 0) return 'INTEROP: GEARMAN_REQUIRE_INTEROP=1, but no interop test ran';
  return undefined;
}
