import type { Clock, Logger } from '@gearman/events';
import { parseOptions, silentLogger, systemClock } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';

/** What is passed to `node:tls`; certificates and key as texts. */
export interface PostgresTls {
  readonly ca?: string | Uint8Array;
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  readonly passphrase?: string;
  readonly servername?: string;
  /** @defaultValue true */
  readonly rejectUnauthorized?: boolean;
}

/** Where the database is, in parts. What is missing comes from `PGHOST`, `PGUSER`, `PGPASSWORD`, …, as with every client. */
export interface PostgresConnection {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string | (() => string | Promise<string>);
  readonly database?: string;
  /** @defaultValue false */
  readonly tls?: boolean | PostgresTls;
}

/** Options of {@link createPostgresStore}. */
export interface PostgresStoreOptions {
  /**
   * Where the database is: `postgres://user@host:5432/database`, with `?sslmode=verify-full` for TLS, or its parts.
   *
   * @defaultValue what `PGHOST`, `PGDATABASE` and so on say
   */
  readonly connection?: string | PostgresConnection;
  /**
   * The schema with the tables; made when it is not there. One store each.
   *
   * @defaultValue 'gearman'
   */
  readonly schema?: string;
  /**
   * How long after the last sign of life of a job server another one may take its store over, in milliseconds, from 1,000
   * on. A sign is given five times as often. Longer than any pause of the process or the network that is to be survived.
   *
   * @defaultValue 10_000
   */
  readonly leaseMs?: number;
  /**
   * What becomes of submits while the database is away. `'refuse'` answers them with an error when the connection could
   * not be made again within 0.75 s; `waitMs` lets them wait as many milliseconds for it, at most as long as the server's
   * `limits.storeTimeoutMs`. What is over is recorded later.
   *
   * @defaultValue 'refuse'
   */
  readonly whenLost?: 'refuse' | { readonly waitMs: number };
  /**
   * How long to wait for the database to let us in, in milliseconds.
   *
   * @defaultValue 5_000
   */
  readonly connectTimeoutMs?: number;
  /**
   * How long a statement may take, in milliseconds, before its connection counts as lost.
   *
   * @defaultValue 5_000
   */
  readonly statementTimeoutMs?: number;
  /**
   * Whether to use a database that confirms what it has not written (`synchronous_commit` or `fsync` is off): its crash
   * loses acknowledged jobs.
   *
   * @defaultValue false
   */
  readonly allowAsync?: boolean;
  /** @defaultValue one that says nothing */
  readonly logger?: Logger;
  /** @defaultValue the clock of the system */
  readonly clock?: Clock;
}

/** {@link PostgresStoreOptions}, checked, with everything filled in. */
export interface PostgresSettings {
  readonly connection: string | PostgresConnection;
  readonly schema: string;
  readonly leaseMs: number;
  /** How long submits wait for a lost database. */
  readonly waitMs: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly allowAsync: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Long enough for a connection that broke to be made again, and short of the second in which a submit is answered. */
const REFUSE_AFTER_MS = 750;
/** Of PostgreSQL: names are cut behind so many bytes. */
const MAX_NAME_BYTES = 63;
const LONGEST_MS = 2 ** 31 - 1;

const anObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const pem = z.union([z.string(), z.instanceof(Uint8Array)]).optional();
const duration = (least: number) => z.int().min(least).max(LONGEST_MS);

const connection = z.strictObject({
  host: z.string().min(1).optional(),
  port: z.int().min(1).max(65_535).optional(),
  user: z.string().min(1).optional(),
  password: z.union([z.string(), z.custom<() => string>((value) => typeof value === 'function')]).optional(),
  database: z.string().min(1).optional(),
  tls: z
    .union([
      z.boolean(),
      z.strictObject({
        ca: pem,
        cert: pem,
        key: pem,
        passphrase: z.string().optional(),
        servername: z.string().optional(),
        rejectUnauthorized: z.boolean().optional(),
      }),
    ])
    .optional(),
});

const schema = z.strictObject({
  connection: z
    .union([z.string().regex(/^postgres(ql)?:\/\//, 'must begin with postgres://'), connection])
    .default({}),
  schema: z
    .string()
    .min(1)
    .refine((name) => Buffer.byteLength(name) <= MAX_NAME_BYTES, `has at most ${MAX_NAME_BYTES} bytes`)
    .refine((name) => !name.includes('\0'), 'has no NUL')
    .default('gearman'),
  leaseMs: duration(1000).default(10_000),
  whenLost: z.union([z.literal('refuse'), z.strictObject({ waitMs: duration(0) })]).default('refuse'),
  connectTimeoutMs: duration(1).default(5000),
  statementTimeoutMs: duration(1).default(5000),
  allowAsync: z.boolean().default(false),
  logger: z.custom<Logger>(anObject, 'must be a logger').default(silentLogger),
  clock: z.custom<Clock>(anObject, 'must be a clock').default(systemClock),
});

/** Checks options. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parsePostgresOptions(options: PostgresStoreOptions): PostgresSettings {
  const fail = (message: string): InvalidArgumentError => new InvalidArgumentError(message);
  const { whenLost, ...parsed } = parseOptions(schema, options, 'createPostgresStore()', fail);
  return {
    ...parsed,
    // Parsed by the schema above: what is missing is missing, and never undefined.
    connection: parsed.connection as string | PostgresConnection,
    waitMs: whenLost === 'refuse' ? REFUSE_AFTER_MS : whenLost.waitMs,
  };
}
