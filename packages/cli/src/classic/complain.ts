/** Says what went wrong, beginning as the C tool does. Like there it does not change the exit code. */
export function complain(error: unknown): void {
  process.stderr.write(`gearman: ${error instanceof Error ? error.message : String(error)}\n`);
}
