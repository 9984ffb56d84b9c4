import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Certificates or a key in PEM: its text or bytes. */
export type Pem = string | Uint8Array;

/** The options that name certificates and a key, as PEM or as the names of PEM files. */
export interface PemOptions {
  readonly ca?: Pem | undefined;
  readonly caFile?: string | undefined;
  readonly cert?: Pem | undefined;
  readonly certFile?: string | undefined;
  readonly key?: Pem | undefined;
  readonly keyFile?: string | undefined;
}

/** Where PEM comes from, and what to call that in errors. */
export type PemSource =
  | { readonly name: string; readonly pem: Pem }
  | { readonly name: string; readonly file: string };

/** What one side of a TLS connection may have. */
export interface TlsSources {
  /** Certificates that those of the other side must come from. */
  readonly ca?: PemSource | undefined;
  /** The own certificate; those between it and its root may follow in the same text. */
  readonly cert?: PemSource | undefined;
  readonly key?: PemSource | undefined;
  /** Opens the key, if it is encrypted. */
  readonly passphrase?: string | undefined;
}

/** {@link TlsSources}, read and checked: options for `tls.createSecureContext()`. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
}

/** What the options `tls.…` name. @param fail builds the error when one thing is given twice */
export function pemSources(
  options: PemOptions,
  fail: (message: string) => Error,
): Omit<TlsSources, 'passphrase'> {
  const source = (name: 'ca' | 'cert' | 'key'): PemSource | undefined => {
    const { [name]: pem, [`${name}File` as const]: file } = options;
    if (pem !== undefined && file !== undefined)
      throw fail(`tls.${name} and tls.${name}File exclude each other`);
    if (pem !== undefined) return { name: `tls.${name}`, pem };
    return file === undefined ? undefined : { name: `tls.${name}File`, file };
  };
  return { ca: source('ca'), cert: source('cert'), key: source('key') };
}

/**
 * Reads certificates and key, and makes sure that they can be used and belong together.
 *
 * Blocks: it reads small files, when a program starts, when certificates are replaced, and before a connect.
 *
 * @param fail builds the error from a message that names what is wrong; the message never quotes a key
 */
export function loadTlsMaterial(sources: TlsSources, fail: (message: string) => Error): TlsMaterial {
  const { ca, cert, key, passphrase } = sources;
  const material = {
    ...(ca && { ca: certificatesOf(ca, fail).pem }),
    ...(passphrase !== undefined && { passphrase }),
  };
  if (cert === undefined && key === undefined) return material;
  if (cert === undefined) throw fail(`${key?.name ?? 'key'} is given, but no certificate`);
  if (key === undefined) throw fail(`${cert.name} is given, but no key`);
  const own = certificatesOf(cert, fail);
  const keyText = read(key, fail);
  if (passphrase === undefined && keyText.includes('ENCRYPTED')) {
    throw fail(`${key.name} is encrypted; set tls.passphrase`);
  }
  const privateKey = attempt(
    () => createPrivateKey({ key: keyText, passphrase }),
    (reason) => fail(`${key.name} is no usable private key: ${reason}`),
  );
  if (!own.first.checkPrivateKey(privateKey)) {
    throw fail(`${cert.name} and ${key.name} do not belong together`);
  }
  return { ...material, cert: own.pem, key: keyText };
}

function certificatesOf(
  source: PemSource,
  fail: (message: string) => Error,
): { readonly pem: string; readonly first: X509Certificate } {
  const pem = read(source, fail);
  const first = attempt(
    () => new X509Certificate(pem),
    (reason) => fail(`${source.name} is no usable certificate: ${reason}`),
  );
  return { pem, first };
}

function read(source: PemSource, fail: (message: string) => Error): string {
  const pem =
    'pem' in source
      ? source.pem
      : attempt(
          () => readFileSync(source.file),
          (reason) => fail(`${source.name} cannot be read: ${reason}`),
        );
  // Not only a kinder message: where Node finds no PEM in a list of CAs, it trusts nobody and does not say why.
  const text = typeof pem === 'string' ? pem : Buffer.from(pem).toString('latin1');
  if (!text.includes('-----BEGIN ')) throw fail(`${source.name} holds no PEM ("-----BEGIN …")`);
  return text;
}

function attempt<T>(action: () => T, explain: (reason: string) => Error): T {
  try {
    return action();
  } catch (error) {
    throw explain(error instanceof Error ? error.message : String(error));
  }
}
