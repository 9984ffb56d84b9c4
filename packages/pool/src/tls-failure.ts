import { type ServerAddress, serverName } from './address.ts';
import { ConnectError, TlsError } from './errors.ts';
import type { Transport } from './transport.ts';

/** How far an attempt had come. */
export type TlsPhase =
  /** The connection was open, the handshake not done. */
  | 'handshake'
  /** The handshake was done from our side, but the server had not said a word. */
  | 'greeting';

/** What our side has to show. */
export interface OwnCertificate {
  readonly hasCertificate: boolean;
}

interface Explanation {
  readonly reason: string;
  readonly hint: string;
}

const UNKNOWN_CA: Explanation = {
  reason: "the server's certificate comes from an authority that is not trusted",
  hint: 'name the certificate of that authority in tls.caFile; a server must send those between it and its own',
};
const NO_TLS: Explanation = {
  reason: 'the server does not speak TLS',
  hint: 'it serves plain text on this port: use its TLS port, or gearman:// if plain text is what you want',
};
const OURS_REFUSED: Explanation = {
  reason: 'the server refused our certificate',
  hint: 'tls.certFile must be valid now and come from an authority that the server trusts',
};
const OURS_MISSING: Explanation = {
  reason: 'the server requires a client certificate',
  hint: 'set tls.certFile and tls.keyFile',
};
const NO_COMMON_VERSION: Explanation = {
  reason: 'the server offers no version of TLS that is safe',
  hint: 'it must support TLS 1.2 or newer',
};

/** By Node's `code`: of OpenSSL's verification, of its own name check, or made of an OpenSSL error's reason. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: {
    reason: "the server's certificate is self-signed",
    hint: 'if you trust it, name it in tls.caFile',
  },
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_CA,
  CERT_UNTRUSTED: UNKNOWN_CA,
  CERT_SIGNATURE_FAILURE: UNKNOWN_CA,
  CERT_HAS_EXPIRED: {
    reason: "the server's certificate has expired",
    hint: "renew it on the server; if it is new, look at this machine's clock",
  },
  CERT_NOT_YET_VALID: {
    reason: "the server's certificate is not valid yet",
    hint: "look at this machine's clock and the server's",
  },
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: OURS_MISSING,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: OURS_REFUSED,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: OURS_REFUSED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: OURS_REFUSED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: OURS_REFUSED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: OURS_REFUSED,
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: OURS_REFUSED,
  ERR_SSL_TLSV1_ALERT_ACCESS_DENIED: OURS_REFUSED,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: NO_COMMON_VERSION,
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_COMMON_VERSION,
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: NO_COMMON_VERSION,
};

/** What went wrong between `connect` and the server's first word, and what to do about it. */
export function tlsFailure(
  address: ServerAddress,
  error: NodeJS.ErrnoException | undefined,
  phase: TlsPhase,
  own: OwnCertificate,
): TlsError {
  const { reason, hint } = explain(error, phase, own);
  return new TlsError(serverName(address), reason, hint, error && { cause: error });
}

/** An attempt took too long; with TLS, perhaps because the server waits for plain text. */
export function connectTimeout(
  server: string,
  transport: Transport,
  timeoutMs: number,
): ConnectError | TlsError {
  if (transport.handshaking !== true) return new ConnectError(server, `no connection within ${timeoutMs} ms`);
  return new TlsError(
    server,
    `no TLS connection within ${timeoutMs} ms`,
    'check that the server speaks TLS on this port; one that expects plain text may wait for ever',
  );
}

function explain(
  error: NodeJS.ErrnoException | undefined,
  phase: TlsPhase,
  own: OwnCertificate,
): Explanation {
  const code = error?.code ?? 'ECONNRESET';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return wrongName(error);
  // Up to TLS 1.2 servers say no more than this to whoever shows no certificate.
  if (code === 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE' && !own.hasCertificate) return OURS_MISSING;
  if (code === 'ECONNRESET' || code === 'EPIPE') return closed(phase, own);
  const known = EXPLANATIONS[code];
  if (known !== undefined) return known;
  // OpenSSL's messages are long; what people search for is in the reason.
  const { reason } = (error ?? {}) as { readonly reason?: unknown };
  return {
    reason: `the TLS handshake failed: ${typeof reason === 'string' ? reason : (error?.message ?? code)}`,
    hint: `look for ${code} and into the server's log`,
  };
}

function closed(phase: TlsPhase, own: OwnCertificate): Explanation {
  if (phase === 'handshake') {
    return {
      reason: 'the server closed the connection during the TLS handshake',
      hint: `check that it speaks TLS on this port${own.hasCertificate ? ', and accepts our certificate (tls.certFile)' : ''}`,
    };
  }
  return {
    reason: 'the server closed the connection after the TLS handshake',
    hint: own.hasCertificate
      ? 'it may not accept our certificate (tls.certFile): look into its log'
      : 'it may require a client certificate (tls.certFile, tls.keyFile): look into its log',
  };
}

function wrongName(error: NodeJS.ErrnoException | undefined): Explanation {
  const { cert } = (error ?? {}) as { readonly cert?: { readonly subjectaltname?: string } };
  const names = cert?.subjectaltname;
  return {
    reason: `the server's certificate is for ${names === undefined ? 'another host' : `other hosts (${names})`}`,
    hint: 'connect to a name that is in it, or say which to expect with tls.servername',
  };
}
