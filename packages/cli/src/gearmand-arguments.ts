import { LOG_LEVELS, type LogLevel, VERSION } from '@gearman/server';
import { Command, InvalidArgumentError, Option } from 'commander';

/** What the command line of `gearmand` says. */
export interface GearmandSettings {
  readonly port: number;
  readonly listen: string;
  readonly verbose: LogLevel;
  readonly jobRetries: number;
  readonly workerWakeup: number | 'auto';
  readonly jobHandlePrefix?: string;
  readonly exceptions: boolean;
}

/** Reads the arguments; prints help, version or what is wrong, and throws commander's `CommanderError` then. */
export function parseGearmandArguments(args: readonly string[]): GearmandSettings {
  const command = new Command('gearmand')
    .description('A Gearman job server, compatible with gearmand.')
    .addOption(new Option('-p, --port <port>', 'TCP port').default(4730).argParser(integerFrom(0, 65_535)))
    .addOption(
      new Option('-L, --listen <address>', 'address to listen on').default('0.0.0.0', 'all addresses'),
    )
    .addOption(
      new Option('--verbose <level>', 'what to log')
        .choices([...LOG_LEVELS])
        .default('ERROR')
        .argParser(logLevel),
    )
    .addOption(
      new Option('-j, --job-retries <n>', 'lost workers that end a job; -1: no limit')
        .default(-1)
        .argParser(integerFrom(-1, 255)),
    )
    .addOption(
      new Option(
        '-w, --worker-wakeup <n>',
        'sleeping workers to wake per job; 0: all; auto: as many as needed',
      )
        .default('auto')
        .argParser((text) => (text === 'auto' ? 'auto' : integerFrom(0, 255)(text))),
    )
    .option('--job-handle-prefix <prefix>', 'what job handles begin with (default: "H:" and the host name)')
    .option('--exceptions', 'send exceptions to all clients, asked for or not', false)
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .allowExcessArguments(false)
    .exitOverride();
  return command.parse([...args], { from: 'user' }).opts<GearmandSettings>();
}

function integerFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || text.trim() === '' || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

function logLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((name) => name === text.toUpperCase());
  if (level === undefined) throw new InvalidArgumentError(`It must be one of ${LOG_LEVELS.join(', ')}.`);
  return level;
}
