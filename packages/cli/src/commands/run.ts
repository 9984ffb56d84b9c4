import { readVersion } from '../version.ts';

/**
 * The command `gearman`. Its first argument decides: a word is a command of ours, an option is the command line of the C
 * tool, except `--help` and `--version`.
 */
export async function runGearman(args: readonly string[]): Promise<void> {
  const [first] = args;
  if (first === '--version') {
    process.stdout.write(`${readVersion()}\n`);
  } else if (first?.startsWith('-') === true && first !== '--help') {
    const { runClassic } = await import('../classic/run.ts');
    await runClassic(args);
  } else {
    const { runProgram } = await import('./program.ts');
    await runProgram(args);
  }
}
