import type { Command } from 'commander';
import { addConnectionOptions } from '../../src/commands/connection-options.ts';
import { buildProgram } from '../../src/commands/program.ts';
import { OWN_OPTIONS } from '../../src/gearadmin/option-table.ts';
import { buildStoreProgram } from '../../src/store/program.ts';
import { INVOCATIONS } from './invocations.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/** Flags, what they do, and what holds without them. */
function optionTable(rows: readonly { readonly flags: string; readonly help: string }[]): string {
  const lines = rows.map(({ flags, help }) => `| \`${cell(flags)}\` | ${cell(help)} |`);
  return ['| Option | |', '|---|---|', ...lines].join('\n');
}

const rowsOf = (command: Command) =>
  command.options.map((option) => {
    const fallback =
      option.defaultValueDescription ?? JSON.stringify(option.defaultValue)?.replaceAll('"', '');
    const help = fallback === undefined ? option.description : `${option.description} (default: ${fallback})`;
    return { flags: option.flags, help };
  });

function section(parent: string, command: Command, shared: ReadonlySet<string>): string {
  const rows = rowsOf(command).filter(({ flags }) => !shared.has(flags));
  const args = command.registeredArguments
    .filter(({ description }) => description !== '')
    .map((argument) => `- \`${argument.name()}\`: ${argument.description}`);
  const description = `${command.description().charAt(0).toUpperCase()}${command.description().slice(1)}.`;
  return [
    `### ${parent} ${command.name()}`,
    `\`${parent} ${command.name()} ${command.usage()}\``,
    description,
    ...(args.length === 0 ? [] : [args.join('\n')]),
    ...(rows.length === 0 ? [] : [optionTable(rows)]),
    ...textBehindHelp(command),
  ].join('\n\n');
}

/** What the help says below its options: examples, and remarks. */
function textBehindHelp(command: Command): string[] {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  const extra = text.slice(command.helpInformation().length).trim();
  return extra === '' ? [] : [`\`\`\`text\n${extra.replace(/^Examples:\n/, '')}\n\`\`\``];
}

/** The parts of the page about commands that come from the program itself, by the name of their mark. */
export function commandMarkdown(): Readonly<Record<string, string>> {
  const program = buildProgram();
  const connection = rowsOf(addConnectionOptions(program.createCommand('any')));
  const shared = new Set(connection.map(({ flags }) => flags));
  const differences = new Set(
    Object.values(INVOCATIONS).flatMap((group) => group.flatMap(({ differs }) => differs ?? [])),
  );
  const own = Object.entries<{ readonly help: string; readonly value?: string }>(OWN_OPTIONS).map(
    ([name, { help, value }]) => ({ flags: `--${name}${value === undefined ? '' : ' <arg>'}`, help }),
  );
  return {
    connection: optionTable(connection),
    commands: program.commands.map((command) => section('gearman', command, shared)).join('\n\n'),
    store: buildStoreProgram()
      .commands.map((command) => section('gearmand store', command, new Set()))
      .join('\n\n'),
    gearadmin: optionTable(own),
    differences: [...differences].map((text) => `- ${text}`).join('\n'),
  };
}
