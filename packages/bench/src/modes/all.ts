import type { Mode } from '../run/cell.ts';
import { client } from './client.ts';
import { codec } from './codec.ts';
import { drain } from './drain.ts';
import { durable } from './durable.ts';
import { foreground, payload } from './foreground.ts';
import { coalesce, functions } from './functions.ts';
import { idle } from './idle.ts';
import { library } from './library.ts';
import { queued } from './queued.ts';
import { scaleConnections, scaleFunctions, scaleJobs } from './scaling.ts';
import { submit } from './submit.ts';
import { wakeUp } from './wake-up.ts';
import { worker } from './worker.ts';

/** Everything that is measured, in the order of the report. */
export const MODES: readonly Mode[] = [
  submit,
  drain,
  foreground,
  payload,
  idle,
  queued,
  functions,
  coalesce,
  durable,
  library,
  client,
  worker,
  wakeUp,
  codec,
  scaleJobs,
  scaleConnections,
  scaleFunctions,
];

/**
 * Programs that do not compare but fail: what a server, a client or a worker must bear. Each runs when its name is given,
 * with the arguments behind `--`.
 */
export const CHECKS: Readonly<Record<string, string>> = {
  heap: 'heap of client, server and worker before and after 100,000 jobs',
  'client-memory': 'heap of one client before and after a million jobs, and 100,000 at once',
  'million-jobs': 'memory of a server after a million jobs, and after they are gone, twice',
  'parked-jobs': 'a queue of 5 million jobs in 512 MiB: filled, started again, drained in order',
  'idle-workers': 'memory of 10,000 workers above that of bare sockets',
  'slow-reader': 'a client that does not read a gigabyte of results',
  'large-bodies': 'memory of a server with a gigabyte of large payloads; one there and back, beside gearmand',
  'packet-flood': 'millions of random packets beside a normal client',
};
