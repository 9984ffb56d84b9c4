import type { Admin, FunctionStatus } from '@gearman/admin';
import { Gauge, Registry } from 'prom-client';

/** How to turn what servers say into metrics. */
export interface MetricsOptions {
  /** Most functions of one server that get series of their own; the others are counted. */
  readonly maxFunctions: number;
}

/** What to send to Prometheus. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

interface ServerFigures {
  readonly version: string;
  readonly functions: readonly FunctionStatus[];
  readonly connections: number;
  readonly seconds: number;
}

/**
 * Asks the servers and writes down what they say. The names are those of the existing exporter; each series says by the
 * label `server` of which server it is. A server that does not answer has `gearman_up` 0, and nothing else.
 */
export async function readMetrics(admin: Admin, { maxFunctions }: MetricsOptions): Promise<Exposition> {
  // A registry of its own: series of functions that are gone must not stay.
  const registry = new Registry();
  const write = figureWriter(registry);
  const figures = await Promise.all(admin.servers.map((server) => readFigures(admin, server)));
  for (const [at, server] of admin.servers.entries()) {
    const found = figures[at];
    write.up({ server }, found === undefined ? 0 : 1);
    if (found === undefined) continue;
    write.version({ server, version: found.version }, 1);
    write.connections({ server }, found.connections);
    write.seconds({ server }, found.seconds);
    // Always the same ones: by name.
    const sorted = found.functions.toSorted((a, b) => (a.functionName < b.functionName ? -1 : 1));
    write.omitted({ server }, Math.max(0, sorted.length - maxFunctions));
    for (const row of sorted.slice(0, maxFunctions)) {
      const labels = { server, function: row.functionName };
      write.jobs(labels, row.total);
      write.running(labels, row.running);
      write.waiting(labels, row.queued);
      write.workers(labels, row.workers);
    }
  }
  return { contentType: registry.contentType, text: await registry.metrics() };
}

async function readFigures(admin: Admin, server: string): Promise<ServerFigures | undefined> {
  const startMs = performance.now();
  try {
    const { answers } = await admin.each(
      async (one) => {
        const [version, functions, workers] = await Promise.all([one.version(), one.status(), one.workers()]);
        return {
          version,
          functions,
          connections: workers.length,
          seconds: (performance.now() - startMs) / 1000,
        };
      },
      { servers: server },
    );
    return answers[0]?.value;
  } catch {
    return undefined;
  }
}

type Write = (labels: Readonly<Record<string, string>>, value: number) => void;

function figureWriter(registry: Registry) {
  const gauge = (name: string, help: string, ...labelNames: string[]): Write => {
    const metric = new Gauge({ name, help, labelNames: ['server', ...labelNames], registers: [registry] });
    return (labels, value) => metric.set(labels, value);
  };
  return {
    up: gauge('gearman_up', 'Whether the job server answered.'),
    version: gauge('gearman_version_info', 'The version of the job server, as a label.', 'version'),
    connections: gauge(
      'gearman_connections',
      'Connections of the job server, that of the exporter included.',
    ),
    seconds: gauge('gearman_scrape_duration_seconds', 'How long the job server took to answer.'),
    omitted: gauge('gearman_functions_omitted', 'Functions beyond the limit, which have no series.'),
    jobs: gauge('gearman_jobs', 'Jobs of the function, waiting or running.', 'function'),
    running: gauge('gearman_jobs_running', 'Jobs of the function that a worker has.', 'function'),
    waiting: gauge('gearman_jobs_waiting', 'Jobs of the function that no worker has.', 'function'),
    workers: gauge('gearman_workers', 'Workers that offer the function.', 'function'),
  };
}
