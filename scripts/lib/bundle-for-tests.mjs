/** Tests start the commands as users do, so the bundle must be what the sources say. */
import { bundleCommands } from './bundle.mjs';

export async function setup() {
  try {
    await bundleCommands();
  } catch (error) {
    // Most tests need no command; those that do fail with the old one, and this says why.
    process.stderr.write(
      `the commands could not be bundled: ${error instanceof Error ? error.message : String(error)}\n`,
    );
  }
}
