import { Argument, Command } from 'commander';
import { completionScript, SHELLS, type Shell } from './completion-script.ts';

const EXAMPLES = `
Examples:
  eval "$(gearman completion bash)"       in ~/.bashrc
  eval "$(gearman completion zsh)"        in ~/.zshrc, behind compinit
  gearman completion fish | source        in ~/.config/fish/config.fish`;

/** `gearman completion` */
export function completionCommand(program: () => Command): Command {
  return new Command('completion')
    .description('print a script that makes a shell complete commands and options')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', EXAMPLES)
    .action((shell: Shell) => {
      process.stdout.write(completionScript(program(), shell));
    });
}
