import { Command, CommanderError } from 'commander';
import { readVersion } from '../version.ts';
import { changeCommands } from './change-commands.ts';
import { checkCommand } from './check-command.ts';
import { NAGIOS } from './check-result.ts';
import { completionCommand } from './completion-command.ts';
import { deadCommand } from './dead-command.ts';
import { EXIT, exitCodeOf, messageOf, UsageError } from './exit-code.ts';
import { exporterCommand } from './exporter-command.ts';
import { loadCommand } from './load-command.ts';
import { scheduleCommands } from './schedule-commands.ts';
import { showCommands } from './show-commands.ts';
import { submitCommand } from './submit-command.ts';
import { topCommand } from './top-command.ts';
import { workCommand } from './work-command.ts';
import { workerCommand } from './worker-command.ts';

const EXAMPLES = `
Examples:
  gearman submit reverse hello                 run a job and print its result
  gearman work reverse -- rev                  be a worker: one command per job
  gearman status --watch                       functions, jobs and workers, every 2 s
  gearman check -w 100 -c 1000 --workers-min 1 for Nagios and its kin
  gearman -f reverse hello                     the command line of the C tool, unchanged

"gearman <command> --help" has more. Exit codes: 0 done, 1 failed or refused, 2 wrong arguments, 3 no server answered.`;

/** Every command of ours below `gearman`: the source of help, completion and the page about commands. */
export function buildProgram(): Command {
  const program = new Command('gearman')
    .description('Submits jobs, works on them, and looks after job servers.')
    .usage(
      '<command> [options]\n       gearman -f <function> [options] [<data>]   (options of the C tool, see -H)',
    )
    .version(readVersion(), '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .addHelpText('after', EXAMPLES);
  const commands = [
    submitCommand(),
    workCommand(),
    workerCommand(),
    ...showCommands(),
    topCommand(),
    ...changeCommands(),
    ...scheduleCommands(),
    deadCommand(),
    loadCommand(),
    checkCommand(),
    exporterCommand(),
    completionCommand(buildProgram),
  ];
  for (const command of commands) program.addCommand(command.helpOption('--help', 'print this help'));
  return program;
}

/** Runs a command of ours. Sets the exit code, and lets the process end by itself. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const program = buildProgram();
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      outputError: (text, write) => write(`gearman: ${text.replace(/^error: /, '')}`),
    });
  }
  try {
    if (args.length === 0) program.help({ error: true });
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // commander has printed help, version or complaint already.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : usageCode(args);
    else {
      process.stderr.write(`gearman: ${messageOf(error)}\n`);
      process.exitCode = error instanceof UsageError ? usageCode(args) : exitCodeOf(error);
    }
  }
}

/** Nagios takes 2 for a critical state, and 3 for a check that was called in a wrong way. */
const usageCode = ([command]: readonly string[]): number =>
  command === 'check' ? NAGIOS.unknown : EXIT.usage;
