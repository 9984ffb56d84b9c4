import { InvalidArgumentError, JobRef, toJobHandle } from '@gearman/protocol';
import type { CallOptions } from './options.ts';
import type { PerServer } from './per-server.ts';
import { joinRows } from './reports.ts';
import type { DeadJobInfo } from './schemas.ts';
import type { DeadSelection, ServerAdmin } from './server-admin.ts';

/** Dead jobs of one function, or of all. */
export interface DeadListOptions extends CallOptions {
  readonly functionName?: string;
}

/** The answer to {@link DeadJobs.list}. */
export interface DeadJobsReport extends PerServer<readonly DeadJobInfo[]> {
  /** The dead jobs of all servers that answered, those of each in the order of their deaths. */
  readonly jobs: readonly DeadJobInfo[];
}

/**
 * Which dead jobs: one by its reference (also as text `host:port//handle`, or a bare handle where one server is asked),
 * those of a function, or all with `'all'`.
 */
export type DeadJobsOf = JobRef | string | { readonly functionName: string };

/** Asks servers what an {@link Admin} was asked, see `Admin.each()`. */
export type AskServers = <T>(
  where: string,
  options: CallOptions,
  ask: (server: ServerAdmin, call: CallOptions) => Promise<T>,
) => Promise<PerServer<T>>;

/**
 * Background jobs that failed for good and that a server keeps: ours with the option `dead`, or `gearmand --dead-letters`.
 *
 * A server that keeps none refuses with `ERR_GEARMAN_SERVER`, one that does not know them (gearmand) with
 * `ERR_GEARMAN_UNSUPPORTED`.
 */
export class DeadJobs {
  readonly #ask: AskServers;

  /** @internal see `admin.dead` */
  constructor(ask: AskServers) {
    this.#ask = ask;
  }

  /** The dead jobs, with the reason of each. */
  async list(options: DeadListOptions = {}): Promise<DeadJobsReport> {
    const { functionName, ...rest } = options;
    const report = await this.#ask('dead.list()', rest, (server, call) =>
      server.deadJobs(functionName, call),
    );
    return { jobs: joinRows(report.answers), ...report };
  }

  /**
   * Lets dead jobs run again, as if they had just been submitted: with their payloads, their handles, and all their
   * attempts. A job stays dead while another one with its unique id lives, and while there is no room for more.
   *
   * @returns of how many jobs each server did so; rejects with `ERR_GEARMAN_NOT_FOUND` for a single job that is not there
   */
  requeue(which: DeadJobsOf, options: CallOptions = {}): Promise<PerServer<number>> {
    const { selection, servers } = select(which, options);
    return this.#ask('dead.requeue()', servers, (server, call) => server.requeueDead(selection, call));
  }

  /**
   * Forgets dead jobs.
   *
   * @returns how many jobs each server has deleted; rejects with `ERR_GEARMAN_NOT_FOUND` for a single job that is not there
   */
  delete(which: DeadJobsOf, options: CallOptions = {}): Promise<PerServer<number>> {
    const { selection, servers } = select(which, options);
    return this.#ask('dead.delete()', servers, (server, call) => server.deleteDead(selection, call));
  }
}

function select(
  which: DeadJobsOf,
  options: CallOptions,
): { readonly selection: DeadSelection; readonly servers: CallOptions } {
  if (which === 'all') return { selection: { all: true }, servers: options };
  if (typeof which === 'object' && !(which instanceof JobRef)) {
    if (typeof which.functionName !== 'string')
      throw new InvalidArgumentError('dead jobs are named by a reference, { functionName } or "all"');
    return { selection: which, servers: options };
  }
  if (typeof which === 'string' && !which.includes('//'))
    return { selection: { handle: toJobHandle(which) }, servers: options };
  const { server, handle } = JobRef.parse(String(which));
  return { selection: { handle }, servers: { ...options, servers: server } };
}
