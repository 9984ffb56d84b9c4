import type { Admin, FunctionStatus, JobInfo, PriorityStatus, WorkerInfo } from '@gearman/admin';
import { Command, Option } from 'commander';
import { describe, type Shown, type ShowOptions, show } from './ask.ts';
import { addConnectionOptions } from './connection-options.ts';
import { type Column, formatTable } from './table.ts';
import { duration } from './values.ts';

const FUNCTION: Column<FunctionStatus | PriorityStatus> = {
  title: 'FUNCTION',
  of: ({ functionName }) => functionName,
};
const WORKERS: Column<FunctionStatus | PriorityStatus> = { title: 'WORKERS', of: ({ workers }) => workers };

export const STATUS_COLUMNS: readonly Column<FunctionStatus>[] = [
  FUNCTION,
  { title: 'QUEUED', of: ({ queued }) => queued },
  { title: 'RUNNING', of: ({ running }) => running },
  WORKERS,
];

const PRIORITY_COLUMNS: readonly Column<PriorityStatus>[] = [
  FUNCTION,
  { title: 'HIGH', of: ({ high }) => high },
  { title: 'NORMAL', of: ({ normal }) => normal },
  { title: 'LOW', of: ({ low }) => low },
  WORKERS,
];

const WORKER_COLUMNS: readonly Column<WorkerInfo>[] = [
  { title: 'SERVER', of: ({ server }) => server },
  { title: 'ID', of: ({ connectionId }) => connectionId },
  { title: 'ADDRESS', of: ({ address }) => address },
  { title: 'NAME', of: ({ clientId }) => clientId ?? '-' },
  { title: 'FUNCTIONS', of: ({ functionNames }) => functionNames.join(' ') },
];

const JOB_COLUMNS: readonly Column<JobInfo>[] = [
  { title: 'JOB', of: ({ server, handle }) => `${server}//${handle}` },
  { title: 'RETRIES', of: ({ retries }) => retries },
  { title: 'ABANDONED', of: ({ abandoned }) => (abandoned ? 'yes' : 'no') },
  { title: 'BACKGROUND', of: ({ stored }) => (stored ? 'yes' : 'no') },
];

const SERVER_COLUMNS: readonly Column<{ readonly server: string; readonly value: string | number }>[] = [
  { title: 'SERVER', of: ({ server }) => server },
  { title: 'VERSION', of: ({ value }) => value },
];

/** The commands that only look. */
export function showCommands(): Command[] {
  return [
    showCommand('status', 'functions with their jobs and workers, of all servers together', async (admin) => {
      const { functions, answers, failures } = await admin.status();
      return {
        text: formatTable(STATUS_COLUMNS, functions),
        json: {
          functions,
          servers: answers.map(({ server, value }) => ({ server, functions: value })),
          failures: failures.map(describe),
        },
        failures,
      };
    }),
    showCommand('priority', 'waiting jobs by priority; not on gearmand before 1.1.16', async (admin) => {
      const { functions, failures } = await admin.priorityStatus();
      return {
        text: formatTable(PRIORITY_COLUMNS, functions),
        json: { functions, failures: failures.map(describe) },
        failures,
      };
    }),
    showCommand('workers', 'connections, with what workers offer', async (admin) => {
      const { workers, failures } = await admin.workers();
      return {
        text: formatTable(WORKER_COLUMNS, workers),
        json: { workers, failures: failures.map(describe) },
        failures,
      };
    }),
    showCommand('jobs', 'every job, waiting or running', async (admin) => {
      const { jobs, failures } = await admin.jobs();
      return {
        text: formatTable(JOB_COLUMNS, jobs),
        json: { jobs, failures: failures.map(describe) },
        failures,
      };
    }),
    showCommand('version', 'the version of each server', async (admin) => {
      const { answers, failures } = await admin.version();
      const json = answers.map(({ server, value }) => ({ server, version: value }));
      return {
        text: formatTable(SERVER_COLUMNS, answers),
        json: { servers: json, failures: failures.map(describe) },
        failures,
      };
    }),
    showCommand('ping', 'how long each server takes to answer', ping),
  ];
}

async function ping(admin: Admin): Promise<Shown> {
  const { answers, failures } = await admin.each(async (server) => {
    // The first one pays for the connection.
    await server.version();
    const startMs = performance.now();
    await server.version();
    return performance.now() - startMs;
  });
  const servers = answers.map(({ server, value }) => ({ server, ms: Number(value.toFixed(3)) }));
  return {
    text: formatTable(
      [
        { title: 'SERVER', of: ({ server }) => server },
        { title: 'MS', of: ({ ms }) => ms },
      ],
      servers,
    ),
    json: { servers, failures: failures.map(describe) },
    failures,
  };
}

function showCommand(name: string, help: string, ask: (admin: Admin) => Promise<Shown>): Command {
  const command = addConnectionOptions(new Command(name).description(help))
    .option('--json', 'JSON, one document per look')
    .addOption(
      new Option('--watch [interval]', 'look again and again, every 2s unless told otherwise')
        .argParser(duration)
        .preset('2s'),
    );
  return command.action(async (options: ShowOptions) => show(options, ask));
}
