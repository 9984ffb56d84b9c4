import type { ServerLimits } from '@gearman/server';
import { type OptionRow, WORKS } from './option-row.ts';
import { integer } from './values.ts';

interface Limit {
  readonly min: 0 | 1;
  readonly help: string;
  readonly fallback: string;
}

const bytes = (help: string, fallback: string): Limit => ({ min: 1, help, fallback });
const count = bytes;
const milliseconds = (help: string, fallback: string): Limit => ({ min: 0, help, fallback });

/** Every limit of the server; its option has the same name with hyphens. */
const LIMITS: { readonly [K in keyof Required<ServerLimits>]: Limit } = {
  maxPacketBytes: bytes('largest packet body; a larger one is skipped and answered with ERROR', '64 MiB'),
  maxLineBytes: bytes('longest text line; a longer one closes its connection', '8191'),
  maxConnections: count('connections; more are closed at once', '65536'),
  maxConnectionsPerAddress: count('connections from one address', '16384'),
  maxFunctions: count('functions; unused ones make room for new ones', '65536'),
  maxFunctionsPerConnection: count('functions that one connection may register', '4096'),
  maxJobs: count('jobs; submits past it are answered with QUEUE_ERROR', '10000000'),
  maxQueueBytes: bytes(
    'what all jobs would take in memory; submits past it are answered with QUEUE_ERROR',
    'half of the heap limit of Node.js; with a store none',
  ),
  maxMemoryBytes: bytes(
    'what jobs take in memory; only with a store, where those past it wait',
    'half of the heap limit of Node.js',
  ),
  maxSchedules: count('schedules; more are answered with QUEUE_ERROR', '10000'),
  maxScheduleBytes: bytes('largest payload of a schedule', '64 KiB'),
  maxInputBytes: bytes('unfinished messages of all connections; past it they are read one by one', '128 MiB'),
  maxSpoolBytes: bytes(
    'large payloads in --spool-dir; submits past it are answered with QUEUE_ERROR',
    '16 GiB',
  ),
  maxSpoolingFiles: count('large payloads that may come at the same time; further ones wait', '256'),
  maxOutputBytes: bytes('output that waits for all peers; past it those with the most are closed', '256 MiB'),
  maxResultBytes: bytes('memory of all results that are kept; the oldest go first', '64 MiB'),
  maxDedupIds: count('submits that stand for later ones; more are answered with QUEUE_ERROR', '100000'),
  outboxSoftBytes: bytes('output that waits for a peer, past which it and its workers have to wait', '8 MiB'),
  outboxHardBytes: bytes('output that waits for a peer, past which it is disconnected', '64 MiB'),
  messageTimeoutMs: milliseconds('how long a message may take to arrive', '30000'),
  idleTimeoutMs: milliseconds('how long a connection may be idle; 0: for ever', '0'),
  handshakeTimeoutMs: milliseconds('how long a TLS handshake may take', '5000'),
  stallTimeoutMs: milliseconds('how long a peer past --outbox-soft-bytes may read nothing', '10000'),
  storeTimeoutMs: milliseconds(
    'how long the store may take; past it new background jobs are answered with QUEUE_ERROR; 0: for ever',
    '4000',
  ),
};

function longNameOf(limit: string): string {
  return limit.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function toRow([limit, { min, help, fallback }]: [string, Limit]): [string, OptionRow] {
  const value = limit.endsWith('Bytes') ? 'bytes' : limit.endsWith('Ms') ? 'ms' : 'n';
  return [longNameOf(limit), { value, parse: integer(min), help, fallback, outcome: WORKS, isOurs: true }];
}

export const LIMIT_OPTIONS: Readonly<Record<string, OptionRow>> = Object.fromEntries(
  Object.entries(LIMITS).map(toRow),
);

/** The limits that were asked for; the server has its defaults for the rest. */
export function limitsOf(values: Readonly<Record<string, unknown>>): ServerLimits {
  const given = Object.keys(LIMITS).map((limit) => [limit, values[longNameOf(limit)]]);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}
