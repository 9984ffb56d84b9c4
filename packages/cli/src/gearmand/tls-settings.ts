import type { ServerOptions } from '@gearman/server';
import type { Environment } from './settings.ts';
import type { OptionValues } from './working-options.ts';

const DEFAULT_CERTIFICATE = '/etc/ssl/certs/gearmand.pem';
const DEFAULT_KEY = '/etc/ssl/certs/gearmand.key';

/** The certificates of `--ssl`; as in gearmand the environment wins over the options. Undefined for plain text. */
export function tlsOptions(values: OptionValues, environment: Environment): ServerOptions['tls'] {
  if (values.ssl !== true) return undefined;
  const {
    GEARMAND_SERVER_PEM: certificate = values['ssl-certificate'] ?? DEFAULT_CERTIFICATE,
    GEARMAND_SERVER_KEY: key = values['ssl-key'] ?? DEFAULT_KEY,
    GEARMAND_CA_CERTIFICATE: authorities = values['ssl-ca-file'],
  } = environment;
  return {
    certFile: certificate,
    keyFile: key,
    caFile: authorities,
    clientCertificates: values['ssl-client-certificates'] ?? 'none',
  };
}

const FILE_OPTIONS = ['ssl-certificate', 'ssl-key', 'ssl-ca-file', 'ssl-client-certificates'] as const;

/** What a user may believe to have, and has not. */
export function tlsWarnings(values: OptionValues): string[] {
  const given = FILE_OPTIONS.filter((name) => values[name] !== undefined);
  if (values.ssl !== true) return given.map((name) => `--${name} has no effect without --ssl`);
  if (values['ssl-ca-file'] === undefined || values['ssl-client-certificates'] !== undefined) return [];
  return [
    'clients need no certificate, as with gearmand; --ssl-client-certificates=require asks for those of --ssl-ca-file',
  ];
}
