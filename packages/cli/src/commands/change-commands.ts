import type { Admin, AdminFailure } from '@gearman/admin';
import { Argument, Command } from 'commander';
import { act, type ShowOptions } from './ask.ts';
import { addConnectionOptions } from './connection-options.ts';
import { count } from './values.ts';

/** The commands that change something in a server. */
export function changeCommands(): Command[] {
  const cancel = changeCommand('cancel', 'end a job for its clients').argument(
    '<job>',
    'host:port//handle; the handle alone with one server',
  );
  cancel.action((job: string, options: ShowOptions) =>
    act(options, async (admin) => {
      await admin.cancelJob(job);
      return undefined;
    }),
  );
  const create = changeCommand('create', 'make a function known').argument('<function>');
  create.action((name: string, options: ShowOptions) => act(options, (admin) => admin.createFunction(name)));
  const drop = changeCommand('drop', 'forget a function; in gearmand its waiting jobs are lost').argument(
    '<function>',
  );
  drop.action((name: string, options: ShowOptions) => act(options, (admin) => admin.dropFunction(name)));
  const maxqueue = changeCommand(
    'maxqueue',
    'limit how many jobs of a function may wait; without a number, or 0: no limit',
  )
    .argument('<function>')
    .addArgument(new Argument('[limit...]', 'one for all, or high, normal and low').argParser(toLimits));
  maxqueue.action((name: string, limits: readonly number[] | undefined, options: ShowOptions) =>
    act(options, (admin) => limit(admin, name, limits ?? [])),
  );
  const shutdown = changeCommand('shutdown', 'end servers; gearmand does not know this since 1.1.15').option(
    '--graceful',
    'let running jobs end',
  );
  shutdown.action((options: ShowOptions & { readonly graceful?: true }) =>
    act(options, (admin) => admin.shutdown({ graceful: options.graceful === true })),
  );
  return [cancel, create, drop, maxqueue, shutdown];
}

function limit(
  admin: Admin,
  name: string,
  limits: readonly number[],
): Promise<{ readonly failures: readonly AdminFailure[] }> {
  const [high, normal, low] = limits;
  if (limits.length <= 1) return admin.maxQueue(name, high ?? null);
  return admin.maxQueue(name, {
    ...(high !== undefined && { high }),
    ...(normal !== undefined && { normal }),
    ...(low !== undefined && { low }),
  });
}

const toLimits = (text: string, before: readonly number[] | undefined): number[] => [
  ...(before ?? []),
  count(0)(text),
];

const changeCommand = (name: string, help: string): Command =>
  addConnectionOptions(new Command(name).description(help)).option('--json', 'say as JSON how it went');
