import type { Admin, DeadJobInfo, DeadJobsOf, PerServer } from '@gearman/admin';
import { Argument, Command } from 'commander';
import { describe, type Shown, type ShowOptions, show } from './ask.ts';
import { addConnectionOptions } from './connection-options.ts';
import { UsageError } from './exit-code.ts';
import { type Column, formatTable } from './table.ts';

const COLUMNS: readonly Column<DeadJobInfo>[] = [
  { title: 'JOB', of: ({ server, handle }) => `${server}//${handle}` },
  { title: 'FUNCTION', of: ({ functionName }) => functionName },
  { title: 'UNIQUE', of: ({ uniqueId }) => uniqueId },
  { title: 'ATTEMPTS', of: ({ attempts }) => attempts },
  { title: 'REASON', of: ({ reason }) => reason },
  { title: 'DIED', of: ({ diedAt }) => diedAt.toISOString() },
  { title: 'SAID', of: ({ detail }) => detail.slice(0, 60) },
];

type Action = 'list' | 'requeue' | 'rm';

interface DeadOptions extends ShowOptions {
  readonly function?: string;
  readonly all?: true;
}

/** `gearman dead`: background jobs that failed for good. */
export function deadCommand(): Command {
  return addConnectionOptions(
    new Command('dead').description('look after background jobs that failed for good; not on gearmand'),
  )
    .addArgument(new Argument('<action>', 'what to do').choices(['list', 'requeue', 'rm']))
    .argument('[job]', 'host:port//handle; the handle alone with one server')
    .option('--function <name>', 'those of this function')
    .option('--all', 'all, for requeue and rm')
    .option('--json', 'JSON')
    .action((action: Action, job: string | undefined, options: DeadOptions) => {
      if (action === 'list') return show(options, (admin) => list(admin, job, options));
      const which = selectionOf(action, job, options);
      return show(options, (admin) => change(admin, action, which));
    });
}

async function list(admin: Admin, job: string | undefined, { function: name }: DeadOptions): Promise<Shown> {
  if (job !== undefined)
    throw new UsageError('dead list takes no job; --function <name> lists those of a function');
  const { jobs, failures } = await admin.dead.list(name === undefined ? {} : { functionName: name });
  return {
    text: formatTable(COLUMNS, jobs),
    json: { jobs, failures: failures.map(describe) },
    failures,
  };
}

async function change(admin: Admin, action: 'requeue' | 'rm', which: DeadJobsOf): Promise<Shown> {
  const { answers, failures }: PerServer<number> = await (action === 'rm'
    ? admin.dead.delete(which)
    : admin.dead.requeue(which));
  const jobs = answers.reduce((sum, { value }) => sum + value, 0);
  const done = action === 'rm' ? 'deleted' : 'run again';
  return { text: `${jobs} ${done}\n`, json: { jobs, failures: failures.map(describe) }, failures };
}

function selectionOf(action: string, job: string | undefined, options: DeadOptions): DeadJobsOf {
  const given = [job, options.function, options.all].filter((each) => each !== undefined);
  if (given.length !== 1)
    throw new UsageError(`dead ${action} needs one of: a job, --function <name>, --all`);
  if (options.function !== undefined) return { functionName: options.function };
  return job ?? 'all';
}
