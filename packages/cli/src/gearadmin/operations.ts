import type { ServerAdmin } from '@gearman/admin';
import type { AdminOptionName } from './option-table.ts';
import type { AdminArguments } from './parse-arguments.ts';

/** One thing to ask of a server. */
export interface Operation {
  readonly name: AdminOptionName;
  /** The text command behind it. */
  readonly command: (argument: string) => string;
  /** The same as a value, for `--json`. */
  readonly value: (server: ServerAdmin, argument: string) => Promise<unknown>;
}

const done = async (work: Promise<void>): Promise<string> => {
  await work;
  return 'OK';
};

/** In the order in which the C tool runs them, whatever the order on the command line. */
const OPERATIONS: readonly Operation[] = [
  { name: 'getpid', command: () => 'getpid', value: (server) => server.pid() },
  {
    name: 'create-function',
    command: (argument) => `create function ${argument}`,
    value: (server, argument) => done(server.createFunction(argument)),
  },
  {
    name: 'drop-function',
    command: (argument) => `drop function ${argument}`,
    value: (server, argument) => done(server.dropFunction(argument)),
  },
  { name: 'show-jobs', command: () => 'show jobs', value: (server) => server.jobs() },
  { name: 'show-unique-jobs', command: () => 'show unique jobs', value: (server) => server.uniqueJobs() },
  {
    name: 'cancel-job',
    command: (argument) => `cancel job ${argument}`,
    value: (server, argument) => done(server.cancelJob(argument)),
  },
  { name: 'server-verbose', command: () => 'verbose', value: (server) => server.verbose() },
  { name: 'server-version', command: () => 'version', value: (server) => server.version() },
  { name: 'workers', command: () => 'workers', value: (server) => server.workers() },
  { name: 'priority-status', command: () => 'prioritystatus', value: (server) => server.priorityStatus() },
  { name: 'status', command: () => 'status', value: (server) => server.status() },
];

/** What a command line asks for. */
export function operationsOf(given: AdminArguments): readonly Operation[] {
  return OPERATIONS.filter(({ name }) => given.has(name));
}
