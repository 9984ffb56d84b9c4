import type { Admin, AdminFailure, ScheduleInfo } from '@gearman/admin';
import type { ScheduleOptions } from '@gearman/client';
import { Argument, Command, Option } from 'commander';
import { readAll } from '../byte-lines.ts';
import { act, describe, type Shown, type ShowOptions, show } from './ask.ts';
import { addConnectionOptions, type ConnectionOptions, connectionOf } from './connection-options.ts';
import { type Column, formatTable } from './table.ts';
import { count, duration, time } from './values.ts';

interface Options extends ConnectionOptions {
  readonly unique?: string;
  readonly high?: true;
  readonly low?: true;
  readonly timeZone?: string;
  readonly catchUp?: 'none' | 'one' | 'all';
  readonly overlap?: 'allow' | 'skip' | 'replace';
  readonly start?: Date;
  readonly end?: Date;
  readonly limit?: number;
  readonly jitter?: number;
  readonly json?: true;
}

const SCHEDULE_COLUMNS: readonly Column<ScheduleInfo>[] = [
  { title: 'SCHEDULE', of: ({ server, handle }) => `${server}//${handle}` },
  { title: 'FUNCTION', of: ({ functionName }) => functionName },
  { title: 'CRON', of: ({ cron }) => cron },
  { title: 'ZONE', of: ({ timeZone }) => timeZone },
  { title: 'NEXT', of: ({ nextRun }) => nextRun?.toISOString() ?? '-' },
  { title: 'LAST', of: ({ lastRun }) => lastRun?.toISOString() ?? '-' },
  { title: 'STATE', of: ({ state }) => state },
  { title: 'RUNS', of: ({ runs }) => runs },
  { title: 'UNIQUE', of: ({ uniqueId }) => uniqueId },
];

const EXAMPLES = `
Examples:
  gearman schedule report '0 3 * * mon-fri'
  gearman schedule mail '0 9 1 * *' '{"to":"me"}' --time-zone Europe/Berlin --unique monthly
  gearman schedule sweep '*/30 * * * * *' --overlap skip --jitter 5s

The five fields are minute, hour, day, month and day of the week, as in crontab; with six the first is the second.
The same command once more changes nothing; with --unique it replaces the schedule that has the id.`;

/** The commands about schedules, and about functions that are to rest. */
export function scheduleCommands(): Command[] {
  return [
    scheduleCommand(),
    showCommand('schedules', 'jobs that servers submit again and again; not on gearmand', listSchedules),
    doCommand('unschedule', 'end a schedule', (admin, which) => admin.cancelSchedule(which)),
    doCommand('schedule-run', 'run a schedule once more, now', (admin, which) => admin.runNow(which)),
    doCommand('schedule-pause', 'let a schedule rest', (admin, which) => admin.pauseSchedule(which)),
    doCommand('schedule-resume', 'let a schedule go on', (admin, which) => admin.resumeSchedule(which)),
    functionCommand('pause', 'let a function hand out no jobs; not on gearmand', (admin, name) =>
      admin.pause(name),
    ),
    functionCommand('resume', 'let a function hand out jobs again', (admin, name) => admin.resume(name)),
    showCommand('paused', 'functions that hand out no jobs', listPaused),
  ];
}

function scheduleCommand(): Command {
  return addConnectionOptions(
    new Command('schedule').description('have a server submit a job again and again; not on gearmand'),
  )
    .argument('<function>')
    .argument('<cron>', 'when: "minute hour day month weekday", or @daily and its kin')
    .argument('[data]', 'what the jobs get; -: standard input', '')
    .option('-u, --unique <id>', 'replaces the schedule of the function that has this id')
    .option('--high', 'jobs before those of normal priority')
    .addOption(new Option('--low', 'jobs after those of normal priority').conflicts('high'))
    .option('--time-zone <name>', 'such as Europe/Berlin; that of the server unless told otherwise')
    .addOption(
      new Option('--catch-up <rule>', 'runs missed while the server was down').choices([
        'none',
        'one',
        'all',
      ]),
    )
    .addOption(
      new Option(
        '--overlap <rule>',
        'while the job of an earlier run lives: both, not the new one, not the old one',
      ).choices(['allow', 'skip', 'replace']),
    )
    .addOption(new Option('--start <time>', 'no run before: 2030-01-31T08:00').argParser(time))
    .addOption(new Option('--end <time>', 'no run after').argParser(time))
    .addOption(new Option('--limit <n>', 'end after so many runs').argParser(count(1)))
    .addOption(new Option('--jitter <duration>', 'be late by up to so long').argParser(duration))
    .option('--json', 'say as JSON which schedule it is')
    .addHelpText('after', EXAMPLES)
    .action(schedule);
}

async function schedule(name: string, cron: string, data: string, options: Options): Promise<void> {
  const { createClient } = await import('@gearman/client');
  await using client = createClient(connectionOf(options));
  const payload = data === '-' ? await readAll(process.stdin) : data;
  const ref = String(await client.schedule(name, cron, payload, rulesOf(options)));
  process.stdout.write(
    options.json === true ? `${JSON.stringify({ ok: true, schedule: ref })}\n` : `${ref}\n`,
  );
}

function rulesOf(options: Options): ScheduleOptions {
  const { unique, high, low, timeZone, catchUp, overlap, start, end, limit, jitter } = options;
  return {
    ...(unique !== undefined && { uniqueId: unique }),
    ...(high === true && { priority: 'high' }),
    ...(low === true && { priority: 'low' }),
    ...(timeZone !== undefined && { timeZone }),
    ...(catchUp !== undefined && { catchUp }),
    ...(overlap !== undefined && { overlap }),
    ...(start !== undefined && { startAt: start }),
    ...(end !== undefined && { endAt: end }),
    ...(limit !== undefined && { limit }),
    ...(jitter !== undefined && { jitterMs: jitter }),
  };
}

async function listSchedules(admin: Admin): Promise<Shown> {
  const { schedules, failures } = await admin.schedules();
  const json = { schedules, failures: failures.map(describe) };
  return { text: formatTable(SCHEDULE_COLUMNS, schedules), json, failures };
}

async function listPaused(admin: Admin): Promise<Shown> {
  const { functionNames, failures } = await admin.paused();
  const text = functionNames.map((name) => `${name}\n`).join('');
  return { text, json: { functionNames, failures: failures.map(describe) }, failures };
}

function showCommand(name: string, help: string, ask: (admin: Admin) => Promise<Shown>): Command {
  return addConnectionOptions(new Command(name).description(help))
    .option('--json', 'JSON')
    .action((options: ShowOptions) => show(options, ask));
}

/** A command that does something with one schedule. */
function doCommand(
  name: string,
  help: string,
  work: (admin: Admin, which: string) => Promise<void>,
): Command {
  return changeCommand(name, help)
    .addArgument(new Argument('<schedule>', 'host:port//handle; the handle alone with one server'))
    .action((which: string, options: ShowOptions) =>
      act(options, async (admin) => {
        await work(admin, which);
        return undefined;
      }),
    );
}

function functionCommand(
  name: string,
  help: string,
  work: (admin: Admin, name: string) => Promise<{ readonly failures: readonly AdminFailure[] }>,
): Command {
  return changeCommand(name, help)
    .argument('<function>')
    .action((functionName: string, options: ShowOptions) =>
      act(options, (admin) => work(admin, functionName)),
    );
}

const changeCommand = (name: string, help: string): Command =>
  addConnectionOptions(new Command(name).description(help)).option('--json', 'say as JSON how it went');
