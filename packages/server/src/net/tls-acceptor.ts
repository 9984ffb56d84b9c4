import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock, Logger, Timer } from '@gearman/events';
import { loadServerTls, type ServerTls, type ServerTlsOptions } from '../tls-options.ts';
import type { LimitName } from './limit-log.ts';
import { RefusalLog } from './refusal-log.ts';

/** Whom an acceptor works for. */
export interface TlsAcceptorOwner {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a handshake may take from the connect, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  onSecure(socket: TLSSocket, address: string): void;
  /** @param limit the limit that the handshake met, if it met one; then the owner logs it */
  onFailure(address: string, reason: string, limit?: LimitName): void;
}

interface Handshake {
  readonly address: string;
  readonly timer: Timer;
  readonly onClose: () => void;
}

/**
 * Turns accepted sockets into encrypted ones.
 *
 * A handshake waits for its peer alone: one that is silent or slow costs a socket until its time is over, one that
 * fails costs its own connection.
 */
export class TlsAcceptor {
  readonly #options: ServerTlsOptions;
  readonly #owner: TlsAcceptorOwner;
  readonly #log: RefusalLog;
  /** Never listens: it is handed the sockets of all listeners. */
  readonly #server: Server;
  readonly #handshakes = new Map<Socket, Handshake>();
  #failures = 0;

  /** @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for certificates that cannot be used */
  constructor(options: ServerTlsOptions, owner: TlsAcceptorOwner) {
    const tls = loadServerTls(options, 'createServer()');
    this.#options = options;
    this.#owner = owner;
    this.#log = new RefusalLog(owner.clock, owner.logger);
    this.#server = createServer({
      ...contextOf(tls),
      requestCert: tls.requireClientCertificate,
      rejectUnauthorized: tls.requireClientCertificate,
      // Node's own limit starts anew with every byte.
      handshakeTimeout: 0,
    });
    this.#server.on('secureConnection', (socket) => this.#onSecure(socket));
    this.#server.on('tlsClientError', (error, socket) => {
      const raw = socketBelow(socket);
      if (raw !== undefined) this.#fail(raw, explain(error, socket));
    });
    this.#warnOfExpiry(tls);
  }

  /** Handshakes that are going on. */
  get pending(): number {
    return this.#handshakes.size;
  }

  /** Handshakes that failed since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Starts the handshake on a socket that was just accepted. */
  accept(raw: Socket, address: string): void {
    const { clock, handshakeTimeoutMs } = this.#owner;
    const onTimer = (): void => {
      this.#fail(
        raw,
        `did not finish the TLS handshake within ${handshakeTimeoutMs} ms`,
        'handshakeTimeoutMs',
      );
      raw.destroy();
    };
    // Why it closed is sometimes told only after that it did.
    const onClose = (): void => void setImmediate(() => this.#fail(raw, CLOSED));
    const timer = clock.setTimer(handshakeTimeoutMs, onTimer, { unref: true });
    this.#handshakes.set(raw, { address, timer, onClose });
    raw.on('error', ignore);
    raw.once('close', onClose);
    this.#server.emit('connection', raw);
  }

  /**
   * Reads the files again. New connections get the new certificate, open ones and handshakes that are going on keep
   * theirs.
   *
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT`; then nothing has changed
   */
  reload(): void {
    const tls = loadServerTls(this.#options, 'reloadTls()');
    this.#server.setSecureContext(contextOf(tls));
    this.#warnOfExpiry(tls);
  }

  /** Ends all handshakes that are going on. */
  close(): void {
    for (const [raw, { timer }] of this.#handshakes) {
      timer.cancel();
      raw.destroy();
    }
    this.#handshakes.clear();
  }

  #onSecure(socket: TLSSocket): void {
    const raw = socketBelow(socket);
    const handshake = raw && this.#end(raw);
    if (handshake === undefined) socket.destroy();
    else this.#owner.onSecure(socket, handshake.address);
  }

  #fail(raw: Socket, reason: string, limit?: LimitName): void {
    const handshake = this.#end(raw);
    if (handshake === undefined) return;
    const { address } = handshake;
    this.#failures++;
    if (limit === undefined) this.#log.warn({ address }, `a peer ${reason}`);
    this.#owner.onFailure(address, reason, limit);
  }

  #end(raw: Socket): Handshake | undefined {
    const handshake = this.#handshakes.get(raw);
    if (handshake === undefined) return undefined;
    this.#handshakes.delete(raw);
    handshake.timer.cancel();
    raw.off('close', handshake.onClose);
    return handshake;
  }

  #warnOfExpiry({ material }: ServerTls): void {
    const { validFrom, validTo } = new X509Certificate(material.cert);
    const now = this.#owner.clock.now();
    if (now >= Date.parse(validFrom) && now <= Date.parse(validTo)) return;
    this.#owner.logger.warn(
      { validFrom, validTo },
      'the TLS certificate is not valid now; clients will refuse it',
    );
  }
}

const CLOSED = 'closed the connection during the TLS handshake';
const ignore = (): void => {};

function contextOf({ material }: ServerTls): object {
  return { ...material, minVersion: 'TLSv1.2' };
}

/** Node has no public name for the socket below an encrypted one, which alone is known before the handshake. */
function socketBelow(socket: TLSSocket): Socket | undefined {
  return (socket as TLSSocket & { readonly _parent?: Socket })._parent;
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNRESET: CLOSED,
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'has no client certificate',
  ERR_SSL_WRONG_VERSION_NUMBER: 'speaks plain text on a port with TLS',
  ERR_SSL_HTTP_REQUEST: 'speaks HTTP on a port with TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'supports no TLS 1.2 or newer',
};

function explain(error: NodeJS.ErrnoException & { readonly reason?: string }, socket: TLSSocket): string {
  // Unlike its type says, this is the code of OpenSSL's verification.
  const refused = socket.authorizationError as Error | string | null | undefined;
  if (refused) return `has a client certificate that is not accepted: ${String(refused)}`;
  return REASONS[error.code ?? ''] ?? `failed in the TLS handshake: ${error.reason ?? error.message}`;
}
