import { Command, CommanderError } from 'commander';
import { messageOf } from '../commands/exit-code.ts';
import { EXIT, FatalError } from '../gearmand/exit-code.ts';
import { checkCommand } from './check-command.ts';
import { compactCommand } from './compact-command.ts';
import { exportCommand } from './export-command.ts';
import { importCommand } from './import-command.ts';

const HELP = `
Examples:
  gearmand store check /var/lib/gearman                      what is there, and is it whole?
  gearmand store export /var/lib/gearman jobs.jsonl          for a backup, or another store
  gearmand store import /var/lib/gearman queue.db            from the sqlite3 queue of gearmand
  gearmand store compact /var/lib/gearman

All but "check" need a store that no server uses. Exit codes: 0 done, 1 damage found or failed,
2 wrong arguments, 4 the store cannot be used.`;

/** `gearmand store`, and all there is below it: the source of help and of the page about commands. */
export function buildStoreProgram(): Command {
  const program = new Command('gearmand store')
    .description(
      'Looks after a store of background jobs: the directory of gearmand --data-dir, or what --store names.',
    )
    .usage('<command> [options] <store>')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText('after', HELP);
  for (const command of [checkCommand(), compactCommand(), exportCommand(), importCommand()]) {
    program.addCommand(command.helpOption('-h, --help', 'print this help'));
  }
  return program;
}

/** Runs `gearmand store …`. Sets the exit code, and lets the process end by itself. */
export async function runStoreProgram(args: readonly string[]): Promise<void> {
  const program = buildStoreProgram();
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      outputError: (text, write) => write(`gearmand: ${text.replace(/^error: /, '')}`),
    });
  }
  try {
    if (args.length === 0) program.help({ error: true });
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // commander has printed help or complaint already.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    else {
      process.stderr.write(`gearmand: ${messageOf(error)}\n`);
      process.exitCode = error instanceof FatalError ? error.exitCode : EXIT.runtime;
    }
  }
}
