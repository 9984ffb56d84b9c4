import { EXIT } from './exit-code.ts';
import type { OptionRow } from './option-row.ts';

const ignored = (row: Pick<OptionRow, 'short' | 'value'>, because: string): OptionRow => ({
  ...row,
  help: because,
  outcome: { is: 'ignored', because },
});

const refused = (
  row: Pick<OptionRow, 'short' | 'value'>,
  because: string,
  exitCode: (typeof EXIT)['usage' | 'store'] = EXIT.usage,
): OptionRow => ({ ...row, help: because, outcome: { is: 'refused', because, exitCode } });

/** Options of gearmand that mean nothing here, and do no harm. */
const IGNORED = {
  'hashtable-buckets': ignored({ value: 'n' }, 'the tables of jobs grow by themselves'),
  'keepalive-interval': ignored(
    { value: 'seconds' },
    'Node.js sets the interval by itself: the kernel asks once per second',
  ),
  'keepalive-count': ignored(
    { value: 'n' },
    'Node.js sets the count by itself: ten unanswered questions end a connection',
  ),
  threads: ignored({ short: 't', value: 'n' }, 'one thread does all the work'),
  'file-descriptors': ignored(
    { short: 'f', value: 'n' },
    'Node.js takes as many descriptors as the hard limit allows; "ulimit -n" sets that',
  ),
  coredump: ignored({}, 'fatal signals are never caught; "ulimit -c" decides about core files'),
};

const NO_STORE =
  'there is no such queue here; --data-dir keeps background jobs in a directory, --store in PostgreSQL, and "gearmand store import" takes over a sqlite3 queue';

/** Options that ask for what is not here: to go on without it would be worse than to stop. To support one, move its row. */
const REFUSED = {
  v: refused({}, 'it was removed, as in gearmand; say --verbose NOTICE, INFO or DEBUG'),
  'store-queue-on-shutdown': refused(
    {},
    'there is no queue that is stored only at the end; --data-dir keeps every background job at once',
    EXIT.store,
  ),
};

/** The long names of the options of gearmand's persistent queues that take a value. */
const STORE_OPTIONS = [
  ...['libmemcached-servers', 'libmemcached-prefix'],
  ...['libsqlite3-db', 'libsqlite3-table'],
  ...['libpq-conninfo', 'libpq-table'],
  ...['redis-server', 'redis-port', 'redis-password', 'redis-prefix'],
  ...['mysql-host', 'mysql-port', 'mysql-user', 'mysql-password', 'mysql-db', 'mysql-table'],
  ...['libdrizzle-host', 'libdrizzle-port', 'libdrizzle-uds', 'libdrizzle-user', 'libdrizzle-password'],
  ...['libdrizzle-db', 'libdrizzle-table', 'libtokyocabinet-file'],
];

const MEMORY_QUEUE = 'builtin';

export const OTHER_OPTIONS: Readonly<Record<string, OptionRow>> = {
  ...IGNORED,
  ...REFUSED,
  'queue-type': {
    ...refused({ short: 'q', value: 'name' }, NO_STORE, EXIT.store),
    differs: `\`--queue-type ${MEMORY_QUEUE}\` is accepted.`,
  },
  ...Object.fromEntries(
    STORE_OPTIONS.map((name) => [name, refused({ value: 'value' }, NO_STORE, EXIT.store)]),
  ),
  'libdrizzle-mysql': refused({}, NO_STORE, EXIT.store),
  'libtokyocabinet-optimize': refused({}, NO_STORE, EXIT.store),
};

/** True where the option, with this value, asks for no more than there is. */
export function isHarmless(name: string, value: unknown): boolean {
  return name === 'queue-type' && typeof value === 'string' && value.toLowerCase() === MEMORY_QUEUE;
}
