import { parseArgs } from 'node:util';
import { createServer } from '@gearman/server';

/** Where an example finds its job server, and what else stood on its command line. */
export interface JobServer extends AsyncDisposable {
  /** For the option `servers` of clients and workers: `host:port`. */
  readonly servers: string;
  readonly args: readonly string[];
}

/** The job server after `--servers`, else one of our own in this process, on a free port. */
export async function openJobServer(): Promise<JobServer> {
  const { values, positionals: args } = parseArgs({
    allowPositionals: true,
    options: { servers: { type: 'string' } },
  });
  if (values.servers !== undefined) {
    return { servers: values.servers, args, [Symbol.asyncDispose]: async () => {} };
  }
  const server = await createServer().listen({ port: 0 });
  return { servers: server.address, args, [Symbol.asyncDispose]: () => server.close() };
}
