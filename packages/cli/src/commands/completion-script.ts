import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Entry {
  readonly name: string;
  readonly help: string;
  readonly options: readonly {
    readonly flags: readonly string[];
    readonly help: string;
    readonly takesValue: boolean;
  }[];
}

/** A script that makes a shell complete the commands and their options. */
export function completionScript(program: Command, shell: Shell): string {
  const entries = program.commands.map(
    (command): Entry => ({
      name: command.name(),
      help: firstLine(command.description()),
      options: [...command.options, command.createHelp().visibleOptions(command).at(-1)].flatMap(
        (option, at, all) => {
          // The help option is listed by the help only.
          if (option === undefined || all.indexOf(option) !== at) return [];
          const flags = [option.short, option.long].filter((flag) => flag !== undefined && flag !== null);
          return { flags, help: firstLine(option.description), takesValue: option.required };
        },
      ),
    }),
  );
  return WRITERS[shell](entries);
}

const firstLine = (text: string): string => text.split('\n')[0]?.replaceAll("'", '’') ?? '';
const flagsOf = ({ options }: Entry): string => options.flatMap(({ flags }) => flags).join(' ');

const WRITERS: Readonly<Record<Shell, (entries: readonly Entry[]) => string>> = {
  bash: (entries) => `# eval "$(gearman completion bash)"
_gearman() {
  local word=\${COMP_WORDS[COMP_CWORD]} words
  case \${COMP_WORDS[1]} in
${entries.map((entry) => `    ${entry.name}) words='${flagsOf(entry)}' ;;`).join('\n')}
    *) words='${entries.map(({ name }) => name).join(' ')}' ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words='${entries.map(({ name }) => name).join(' ')}'; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _gearman gearman
`,
  zsh: (entries) => `#compdef gearman
# eval "$(gearman completion zsh)"
_gearman() {
  if (( CURRENT == 2 )); then
    local -a commands=(
${entries.map(({ name, help }) => `      '${name}:${help.replaceAll(':', '\\:')}'`).join('\n')}
    )
    _describe command commands
    return
  fi
  local -a flags
  case $words[2] in
${entries.map((entry) => `    ${entry.name}) flags=(${flagsOf(entry)}) ;;`).join('\n')}
  esac
  compadd -- $flags
  _files
}
compdef _gearman gearman
`,
  fish: (entries) => `# gearman completion fish | source
${entries.map(fishLines).join('\n')}
`,
};

function fishLines({ name, help, options }: Entry): string {
  const lines = options.map(({ flags, help: text, takesValue }) => {
    const parts = flags.map((flag) =>
      flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
    );
    return `complete -c gearman -n '__fish_seen_subcommand_from ${name}' ${parts.join(' ')}${takesValue ? ' -r' : ''} -d '${text}'`;
  });
  return [`complete -c gearman -n __fish_use_subcommand -f -a ${name} -d '${help}'`, ...lines].join('\n');
}
