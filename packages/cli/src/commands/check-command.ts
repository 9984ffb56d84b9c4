import { Command, Option } from 'commander';
import { openAdmin } from './ask.ts';
import { judge, NAGIOS } from './check-result.ts';
import { addConnectionOptions, type ConnectionOptions } from './connection-options.ts';
import { messageOf } from './exit-code.ts';
import { count, duration } from './values.ts';

interface CheckOptions extends ConnectionOptions {
  readonly queueWarn?: number;
  readonly queueCrit?: number;
  readonly workersWarn?: number;
  readonly workersMin?: number;
  readonly function: readonly string[];
  readonly timeout: number;
}

const EXAMPLES = `
Examples:
  gearman check -h jobs.example.com -w 100 -c 1000 --workers-min 1
  gearman check --function mail --function resize --queue-crit 50

Exit codes: 0 ok, 1 warning, 2 critical (also when a server does not answer), 3 wrong arguments.`;

/** `gearman check` */
export function checkCommand(): Command {
  const command = addConnectionOptions(
    new Command('check').description('for Nagios and its kin: are queues short, and workers there?'),
  )
    .addOption(
      new Option('-w, --queue-warn <n>', 'warning from so many waiting jobs of a function on').argParser(
        count(1),
      ),
    )
    .addOption(new Option('-c, --queue-crit <n>', 'critical from so many on').argParser(count(1)))
    .addOption(
      new Option('--workers-warn <n>', 'warning with fewer workers of a function').argParser(count(1)),
    )
    .addOption(new Option('--workers-min <n>', 'critical with fewer').argParser(count(1)))
    .addOption(
      new Option('--function <name>', 'look at this function only; may be given several times')
        .argParser((name: string, before: readonly string[]) => [...before, name])
        .default([], 'all'),
    )
    .addOption(
      new Option('--timeout <duration>', 'how long a server may take')
        .argParser(duration)
        .default(5000, '5s'),
    )
    .addHelpText('after', EXAMPLES);
  return command.action(check);
}

async function check(options: CheckOptions): Promise<void> {
  const { queueWarn, queueCrit, workersWarn, workersMin, timeout } = options;
  await using admin = await openAdmin(options);
  try {
    const { functions, failures } = await admin.status({ timeoutMs: timeout });
    const limits = { queueWarn, queueCrit, workersWarn, workersMin, functions: options.function };
    const { exitCode, line } = judge(functions, failures, limits);
    process.stdout.write(`${line}\n`);
    process.exitCode = exitCode;
  } catch (error) {
    process.stdout.write(`GEARMAN CRITICAL: ${messageOf(error)}\n`);
    process.exitCode = NAGIOS.critical;
  }
}
