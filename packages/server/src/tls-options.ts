import { loadTlsMaterial, type Pem, pemSources, type TlsMaterial } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';

/**
 * How a server encrypts its connections: TLS 1.2 or newer.
 *
 * The files are read when the server is made, and again by `server.reloadTls()`.
 */
export interface ServerTlsOptions {
  /** Name of a PEM file with the server's certificate, and behind it those between it and its root. */
  readonly certFile?: string | undefined;
  /** As `certFile`, but the PEM itself. */
  readonly cert?: Pem | undefined;
  /** Name of a PEM file with the certificate's private key. */
  readonly keyFile?: string | undefined;
  /** As `keyFile`, but the PEM itself. */
  readonly key?: Pem | undefined;
  /** Opens the key, if it is encrypted. */
  readonly passphrase?: string | undefined;
  /** Name of a PEM file with the certificates that a client's certificate must come from. */
  readonly caFile?: string | undefined;
  /** As `caFile`, but the PEM itself. */
  readonly ca?: Pem | undefined;
  /**
   * Whether a client needs a certificate that comes from `ca`. The only way to keep strangers out: the protocol has no
   * login. (gearmand loads its CA and asks for nothing: `'none'`.)
   *
   * @defaultValue `'require'` if there is a CA, else `'none'`
   */
  readonly clientCertificates?: 'require' | 'none' | undefined;
}

const pem = z
  .union([z.string().min(1), z.instanceof(Uint8Array)], 'must be PEM, as text or bytes')
  .optional();
const file = z.string().min(1).optional();

export const serverTlsSchema: z.ZodType<ServerTlsOptions, ServerTlsOptions> = z.strictObject({
  certFile: file,
  cert: pem,
  keyFile: file,
  key: pem,
  passphrase: z.string().optional(),
  caFile: file,
  ca: pem,
  clientCertificates: z.enum(['require', 'none']).optional(),
});

/** What the listener works with. */
export interface ServerTls {
  readonly material: TlsMaterial & { readonly cert: string };
  readonly requireClientCertificate: boolean;
}

/**
 * Reads certificates and key.
 *
 * @param where names the call in the message
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` naming what is missing or cannot be used
 */
export function loadServerTls(options: ServerTlsOptions, where: string): ServerTls {
  const fail = (message: string): Error => new InvalidArgumentError(`${where}: ${message}`);
  const { cert, ...material } = loadTlsMaterial(
    { ...pemSources(options, fail), passphrase: options.passphrase },
    fail,
  );
  if (cert === undefined) throw fail('tls.certFile and tls.keyFile are missing; a server cannot do without');
  const { clientCertificates = material.ca === undefined ? 'none' : 'require' } = options;
  if (clientCertificates === 'require' && material.ca === undefined) {
    throw fail('tls.clientCertificates is "require", but no tls.caFile says which to accept');
  }
  return { material: { ...material, cert }, requireClientCertificate: clientCertificates === 'require' };
}
