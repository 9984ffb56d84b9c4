import { VERSION } from '@gearman/server';
import { Command, Option } from 'commander';
import { FatalError } from './exit-code.ts';
import type { OptionRow } from './option-row.ts';
import { flagsOf, OPTION_TABLE } from './option-table.ts';
import { isHarmless } from './other-options.ts';
import { type OptionValues, WORKING_OPTIONS } from './working-options.ts';

/** What a command line or a configuration file says. */
export interface Given {
  readonly values: OptionValues;
  /** Sentences for the user: options that have no effect. */
  readonly warnings: readonly string[];
}

const FOOTER = `
Options of gearmand for its persistent queues are known, but refused: say --data-dir or --store.
"gearmand store import" takes over a sqlite3 queue.
Exit codes: 0 ended by a signal, 1 failed, 2 wrong arguments, 3 an address cannot be used, 4 no such queue, or --data-dir or --store cannot be used.`;

/**
 * Reads the arguments. Prints help, version, or what is wrong.
 *
 * @throws CommanderError of commander, when it has printed
 * @throws FatalError for options that are refused
 */
export function parseArguments(args: readonly string[]): Given {
  const options = [...OPTION_TABLE]
    .filter(([name]) => name !== 'version' && name !== 'help')
    .map(([name, row]) => ({ name, row, option: toOption(name, row) }));
  const command = newCommand();
  for (const { option } of options) command.addOption(option);
  command.parse(args.map(withoutAt), { from: 'user' });

  const values: Record<string, unknown> = {};
  const warnings: string[] = [];
  for (const { name, row, option } of options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    if (value === undefined || isHarmless(name, value)) continue;
    const { outcome } = row;
    const shown = option.long ?? option.short ?? name;
    if (outcome.is === 'refused') throw new FatalError(`${shown}: ${outcome.because}`, outcome);
    if (outcome.is === 'ignored') warnings.push(`${shown} has no effect: ${outcome.because}`);
    else values[name] = value;
  }
  return { values, warnings };
}

/** gearmand takes its configuration file as `@file`, too. */
const withoutAt = (arg: string): string => (/^@./.test(arg) ? `--config-file=${arg.slice(1)}` : arg);

function newCommand(): Command {
  return new Command('gearmand')
    .description('A Gearman job server with the command line of gearmand.')
    .usage(
      '[options]\n       gearmand store <command>   (check, compact, export or import the jobs of a --data-dir)',
    )
    .version(VERSION, flagsOf('version', WORKING_OPTIONS.version), WORKING_OPTIONS.version.help)
    .helpOption(flagsOf('help', WORKING_OPTIONS.help), WORKING_OPTIONS.help.help)
    .addHelpText('after', FOOTER)
    .configureOutput({ outputError: (text, write) => write(`gearmand: ${text.replace(/^error: /, '')}`) })
    .allowExcessArguments(false)
    .exitOverride();
}

function toOption(name: string, row: OptionRow): Option {
  const { parse, help, fallback, outcome } = row;
  const shown = outcome.is === 'ignored' ? `no effect: ${help}` : help;
  const text = fallback === undefined ? shown : `${shown} (default: ${fallback})`;
  const option = new Option(flagsOf(name, row), text);
  if (parse !== undefined) option.argParser((text, before) => parse(text, before as never));
  return outcome.is === 'refused' || name === 'check-args' ? option.hideHelp() : option;
}
