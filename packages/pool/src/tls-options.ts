import {
  loadTlsMaterial,
  type Pem,
  type PemSource,
  parseOptions,
  pemSources,
  type TlsMaterial,
} from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';

/**
 * How connections are encrypted. TLS 1.2 or newer; the server's certificate is verified.
 *
 * Files are read again at each connect, so replaced ones need no restart. What is not given comes from the environment
 * variables that libgearman knows: `GEARMAND_CA_CERTIFICATE`, `GEARMAN_CLIENT_PEM`, `GEARMAN_CLIENT_KEY`, each the name
 * of a file.
 */
export interface TlsOptions {
  /**
   * Name of a PEM file with the certificates that a server's certificate must come from.
   *
   * @defaultValue the file in `GEARMAND_CA_CERTIFICATE`, else the authorities that Node.js knows
   */
  readonly caFile?: string | undefined;
  /** As `caFile`, but the PEM itself. */
  readonly ca?: Pem | undefined;
  /** Name of a PEM file with our own certificate, for servers that ask for one. @defaultValue none */
  readonly certFile?: string | undefined;
  /** As `certFile`, but the PEM itself. */
  readonly cert?: Pem | undefined;
  /** Name of a PEM file with the private key of our certificate. @defaultValue none */
  readonly keyFile?: string | undefined;
  /** As `keyFile`, but the PEM itself. */
  readonly key?: Pem | undefined;
  /** Opens the key, if it is encrypted. */
  readonly passphrase?: string | undefined;
  /**
   * The name that must be in the server's certificate, and that the server is told.
   *
   * @defaultValue the host connected to
   */
  readonly servername?: string | undefined;
  /**
   * False accepts any certificate: the connection is encrypted, but nobody knows with whom. For tests.
   *
   * @defaultValue true
   */
  readonly rejectUnauthorized?: boolean | undefined;
}

const pem = z
  .union([z.string().min(1), z.instanceof(Uint8Array)], 'must be PEM, as text or bytes')
  .optional();
const file = z.string().min(1).optional();

export const tlsSchema: z.ZodType<TlsOptions, TlsOptions> = z.strictObject({
  caFile: file,
  ca: pem,
  certFile: file,
  cert: pem,
  keyFile: file,
  key: pem,
  passphrase: z.string().optional(),
  servername: z.string().min(1).optional(),
  rejectUnauthorized: z.boolean().optional(),
});

/** The shape of the option `tls` of a pool: true means the defaults, false the same as leaving it out. */
export const tlsOption = z.preprocess(
  (value) => (value === true ? {} : value === false ? undefined : value),
  tlsSchema.optional(),
);

/** Checks TLS options that stand alone. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseTlsOptions(options: TlsOptions, where: string): TlsOptions {
  return parseOptions(tlsSchema, options, where, (message) => new InvalidArgumentError(message));
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads certificates and key.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` naming the option or variable that cannot be used
 */
export function loadTls(
  options: TlsOptions,
  where: string,
  environment: Environment = process.env,
): TlsMaterial {
  const fail = (message: string): Error => new InvalidArgumentError(`${where}: ${message}`);
  const given = pemSources(options, fail);
  // A certificate from here with a key from there would never fit.
  const pair =
    given.cert === undefined && given.key === undefined
      ? { cert: fromEnvironment(environment, CERT), key: fromEnvironment(environment, KEY) }
      : given;
  return loadTlsMaterial(
    {
      ca: given.ca ?? fromEnvironment(environment, CA),
      ...{ cert: pair.cert, key: pair.key, passphrase: options.passphrase },
    },
    fail,
  );
}

const CA = 'GEARMAND_CA_CERTIFICATE';
const CERT = 'GEARMAN_CLIENT_PEM';
const KEY = 'GEARMAN_CLIENT_KEY';

function fromEnvironment(environment: Environment, variable: string): PemSource | undefined {
  const path = environment[variable]?.trim() ?? '';
  return path === '' ? undefined : { name: `environment variable ${variable}`, file: path };
}
