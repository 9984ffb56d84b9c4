import { type OptionRow, WORKS } from './option-row.ts';
import {
  clientCertificates,
  idleSeconds,
  integer,
  list,
  logFormat,
  logLevel,
  nonEmpty,
  port,
  protocol,
  wakeup,
} from './values.ts';

/** The options that do something, in the order of the help. */
export const WORKING_OPTIONS = {
  port: {
    short: 'p',
    value: 'port',
    parse: port,
    help: 'TCP port; 0 takes a free one',
    fallback: 'GEARMAND_PORT, else 4730',
    outcome: WORKS,
    differs:
      'A number; of the names of services only `gearman` is known. `GEARMAND_PORT` counts only where no `--port` is given.',
  },
  listen: {
    short: 'L',
    value: 'address',
    parse: list,
    help: 'address, host name or path of a Unix socket; may be given several times',
    fallback: 'all addresses, IPv6 and IPv4',
    outcome: WORKS,
    differs:
      'May be given several times; anything with a `/` is the path of a Unix socket. An address in use ends the command at once; gearmand tries for 20 seconds.',
  },
  backlog: {
    short: 'b',
    value: 'n',
    parse: integer(1),
    help: 'connections that may wait to be accepted',
    fallback: '511',
    outcome: WORKS,
    differs: 'The default is 511, not 32.',
  },
  'job-retries': {
    short: 'j',
    value: 'n',
    parse: integer(-1, 255),
    help: 'how many lost workers end a job; -1: no number does',
    fallback: '-1',
    outcome: WORKS,
    differs:
      'As gearmand 2.0: −1 means no limit, and 0 that the first lost worker ends the job. In gearmand 1.1, 0 means no limit.',
  },
  'job-handle-prefix': {
    value: 'prefix',
    parse: nonEmpty,
    help: 'what job handles begin with, up to 38 bytes',
    fallback: '"H:" and the host name',
    outcome: WORKS,
    differs:
      'A part that differs at every start follows, so that a handle never names two jobs. Longer prefixes are refused; in gearmand they make handles collide.',
  },
  'round-robin': {
    short: 'R',
    help: 'functions of a worker take turns; always so',
    outcome: WORKS,
    differs: 'Always on, as in gearmand 2.0: priority first, then functions in turn.',
  },
  'worker-wakeup': {
    short: 'w',
    value: 'n',
    parse: wakeup,
    help: 'sleeping workers to wake for each job; 0: all; auto: as many as there is work for',
    fallback: 'auto',
    outcome: WORKS,
    differs:
      'The default `auto` wakes as many workers as there are jobs, longest asleep first, and soon others when they do not answer. 0, the default of gearmand, wakes all; another number that many, as there.',
  },
  exceptions: {
    help: 'send exceptions to all clients, asked for or not',
    outcome: WORKS,
  },
  keepalive: {
    help: 'have the kernel find out when a peer is gone; always on',
    outcome: WORKS,
    differs: 'Always on.',
  },
  'keepalive-idle': {
    value: 'seconds',
    parse: idleSeconds,
    help: 'silence after which the kernel begins to ask; -1: the default',
    fallback: '5',
    outcome: WORKS,
    differs: 'The default is 5 seconds. In gearmand 1.1 it has no effect on connections.',
  },
  protocol: {
    short: 'r',
    value: 'name',
    parse: protocol,
    help: 'http: take jobs over HTTP, too, without TLS and without a login',
    outcome: WORKS,
    differs:
      'As there `http` is the only one. A job that fails is answered with status 502, not 200; connections may be used again; see the README of `@gearman/server`.',
  },
  'http-port': {
    value: 'port',
    parse: port,
    help: 'TCP port of --protocol http, at the first address of --listen; 0 takes a free one',
    fallback: '8080',
    outcome: WORKS,
    differs: 'Without `--protocol http` it has no effect, as there; here a warning says so.',
  },
  ssl: {
    help: 'encrypt every connection over TCP with TLS 1.2 or newer',
    outcome: WORKS,
    differs:
      'Never plain text: without a usable certificate the command ends with code 2. A silent or slow handshake disturbs nobody else. Unix sockets stay plain. SIGHUP reads the files again.',
  },
  'ssl-certificate': {
    value: 'file',
    parse: nonEmpty,
    help: 'certificate of the server, PEM',
    fallback: 'GEARMAND_SERVER_PEM, else /etc/ssl/certs/gearmand.pem',
    outcome: WORKS,
  },
  'ssl-key': {
    value: 'file',
    parse: nonEmpty,
    help: 'its private key, PEM',
    fallback: 'GEARMAND_SERVER_KEY, else /etc/ssl/certs/gearmand.key',
    outcome: WORKS,
  },
  'ssl-ca-file': {
    value: 'file',
    parse: nonEmpty,
    help: 'authorities whose certificates clients may show, PEM',
    fallback: 'GEARMAND_CA_CERTIFICATE',
    outcome: WORKS,
    differs: 'As in gearmand, clients need no certificate; see `--ssl-client-certificates`.',
  },
  'ssl-client-certificates': {
    value: 'need',
    parse: clientCertificates,
    help: 'require or none: whether a client must show a certificate of --ssl-ca-file',
    fallback: 'none',
    outcome: WORKS,
    isOurs: true,
  },
  daemon: {
    short: 'd',
    help: 'run in the background; the command ends when the port is open',
    outcome: WORKS,
    differs: 'Needs `--log-file` if there shall be a log.',
  },
  'pid-file': {
    short: 'P',
    value: 'file',
    parse: nonEmpty,
    help: 'write the process id there; removed at the end',
    fallback: 'none',
    outcome: WORKS,
    differs: 'None unless asked for.',
  },
  user: {
    short: 'u',
    value: 'name',
    parse: nonEmpty,
    help: 'become this user when the port is open; needs root',
    outcome: WORKS,
  },
  'data-dir': {
    value: 'directory',
    parse: nonEmpty,
    help: 'keep background jobs there; a submit is answered when its job is on the disk',
    fallback: 'GEARMAND_DATA_DIR, else jobs are in memory only',
    outcome: WORKS,
    isOurs: true,
    differs:
      'In place of the persistent queues of gearmand: a journal that survives crashes and power cuts, see [durability](durability.md).',
  },
  store: {
    value: 'url',
    parse: nonEmpty,
    help: 'keep background jobs in PostgreSQL: postgres://user@host/database?schema=gearman',
    fallback: 'GEARMAND_STORE, else jobs are in memory only',
    outcome: WORKS,
    isOurs: true,
    differs:
      'Not the tables of gearmand: see [durability](durability.md). A password belongs in `PGPASSWORD` or `GEARMAND_STORE`, as everybody may see the arguments.',
  },
  functions: {
    value: 'file',
    parse: nonEmpty,
    help: 'JSON: how often the jobs of each function are tried, when they expire, where they go when they fail',
    fallback: 'none: as gearmand',
    outcome: WORKS,
    isOurs: true,
    differs: 'See [retries](retries.md).',
  },
  'dead-letters': {
    help: 'keep background jobs that failed for good, for "gearman dead"',
    outcome: WORKS,
    isOurs: true,
    differs: 'See [retries](retries.md).',
  },
  'dead-max': {
    value: 'n',
    parse: integer(1),
    help: 'with --dead-letters: how many to keep; the oldest go first',
    fallback: '10000',
    outcome: WORKS,
    isOurs: true,
  },
  'dead-max-age': {
    value: 'days',
    parse: integer(1, 3650),
    help: 'with --dead-letters: for how long to keep them',
    fallback: '180',
    outcome: WORKS,
    isOurs: true,
  },
  'spool-dir': {
    value: 'directory',
    parse: nonEmpty,
    help: 'put large payloads into files there, not into memory',
    fallback: 'DIR/spool with --data-dir DIR, else none',
    outcome: WORKS,
    isOurs: true,
  },
  'spool-threshold-bytes': {
    value: 'bytes',
    parse: integer(65_536),
    help: 'how large a submit is that goes to --spool-dir',
    fallback: '1 MiB',
    outcome: WORKS,
    isOurs: true,
  },
  'config-file': {
    value: 'file',
    parse: nonEmpty,
    help: 'read more options from there; also as @file',
    fallback: '/etc/gearmand.conf, if it is there',
    outcome: WORKS,
    differs: 'Options on the command line win, as with gearmand.',
  },
  'log-file': {
    short: 'l',
    value: 'file',
    parse: nonEmpty,
    help: 'write the log there; also: stderr, none',
    fallback: 'stderr',
    outcome: WORKS,
    differs: 'The default is standard error, not a file below `/var/log`.',
  },
  'log-format': {
    value: 'format',
    parse: logFormat,
    help: 'text or json: one object per line',
    fallback: 'text',
    outcome: WORKS,
    isOurs: true,
  },
  syslog: {
    help: 'begin each line of the log with its syslog priority, as journald and logger --prio-prefix read it',
    outcome: WORKS,
    differs:
      'Node.js cannot reach the syslog socket. The lines go where the log goes, in a format that journald understands; pipe them to `logger --prio-prefix` for syslog.',
  },
  verbose: {
    value: 'level',
    parse: logLevel,
    help: 'what to log: FATAL, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFO or DEBUG',
    fallback: 'ERROR',
    outcome: WORKS,
    differs: 'The first line, which says where the server listens, is written at every level.',
  },
  version: { short: 'V', help: 'print the version', outcome: WORKS },
  help: { short: 'h', help: 'print this help', outcome: WORKS },
  'check-args': { help: 'check the arguments, and end', outcome: WORKS },
} as const satisfies Record<string, OptionRow>;

type Rows = typeof WORKING_OPTIONS;

/** The options that were given, by long name. */
export type OptionValues = {
  readonly [K in keyof Rows]?: Rows[K] extends { readonly parse: (...args: never[]) => infer V } ? V : true;
};
