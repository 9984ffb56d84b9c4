import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { Admin } from '@gearman/admin';
import { Command, InvalidArgumentError, Option } from 'commander';
import { openAdmin } from './ask.ts';
import { addConnectionOptions, type ConnectionOptions } from './connection-options.ts';
import type { Exposition } from './metrics.ts';
import { count } from './values.ts';

interface Listen {
  readonly host: string | undefined;
  readonly port: number;
}

interface ExporterOptions extends ConnectionOptions {
  readonly listen: Listen;
  readonly maxFunctions: number;
}

const EXAMPLES = `
Examples:
  gearman exporter --servers jobs-1,jobs-2
  gearman exporter --listen 127.0.0.1:9418 --prefix shop

Metrics: gearman_up, gearman_version_info, gearman_jobs, gearman_jobs_running, gearman_jobs_waiting, gearman_workers,
gearman_connections, gearman_functions_omitted, gearman_scrape_duration_seconds; label server, and function where it fits.`;

/** The port that Prometheus lists for Gearman. */
const DEFAULT: Listen = { host: undefined, port: 9418 };

/** `gearman exporter` */
export function exporterCommand(): Command {
  const command = addConnectionOptions(
    new Command('exporter').description('figures for Prometheus, over HTTP; works with gearmand, too'),
  )
    .addOption(
      new Option('--listen <address>', 'host:port, or :port for all addresses')
        .argParser(toListen)
        .default(DEFAULT, ':9418'),
    )
    .addOption(
      new Option('--max-functions <n>', 'functions of a server that get series of their own')
        .argParser(count(1))
        .default(1000),
    )
    .addHelpText('after', EXAMPLES);
  return command.action(serve);
}

function toListen(text: string): Listen {
  const [, ipv6, host, port = ''] = /^(?:\[(.*)\]|([^:]*)):(\d+)$/.exec(text) ?? [];
  if (port === '' || Number(port) > 65_535) throw new InvalidArgumentError('It must be host:port or :port.');
  return { host: (ipv6 ?? host) || undefined, port: Number(port) };
}

async function serve(options: ExporterOptions): Promise<void> {
  const { readMetrics } = await import('./metrics.ts');
  await using admin = await openAdmin(options);
  const server = metricsServer(() => readMetrics(admin, options));
  server.listen(options.listen);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  process.stdout.write(
    `gearman exporter listening on ${options.listen.host ?? ''}:${port}, asking ${servers(admin)}\n`,
  );
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  server.close();
  server.closeAllConnections();
}

const servers = (admin: Admin): string => admin.servers.join(', ');

/** Answers `/metrics`. Requests at the same time share one look at the servers. */
function metricsServer(read: () => Promise<Exposition>): Server {
  let reading: Promise<Exposition> | undefined;
  const answer = async (response: ServerResponse): Promise<void> => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    const { contentType, text } = await reading;
    response.writeHead(200, { 'content-type': contentType }).end(text);
  };
  return createServer((request, response) => {
    const path = request.url?.split('?')[0];
    if (request.method !== 'GET' && request.method !== 'HEAD')
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    else if (path === '/metrics') {
      answer(response).catch((error: unknown) => response.writeHead(500).end(`${String(error)}\n`));
    } else if (path === '/') response.writeHead(200, { 'content-type': 'text/plain' }).end('see /metrics\n');
    else response.writeHead(404).end('see /metrics\n');
  });
}
