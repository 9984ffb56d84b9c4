import { isIP, Socket } from 'node:net';
import { checkServerIdentity, connect } from 'node:tls';
import { encodePacket, GearmanError, request, response } from '@gearman/protocol';
import { type ServerAddress, serverName } from './address.ts';
import { ConnectError, TlsError } from './errors.ts';
import type { SocketDialOptions } from './socket-dial.ts';
import { SocketTransport, TCP_KEEPALIVE_MS } from './socket-transport.ts';
import { type TlsPhase, tlsFailure } from './tls-failure.ts';
import { loadTls, type TlsOptions } from './tls-options.ts';
import type { Transport, TransportHandlers } from './transport.ts';

type AttemptOptions = SocketDialOptions & { readonly tls: TlsOptions };
type TcpAddress = Extract<ServerAddress, { readonly kind: 'tcp' }>;

const HELLO = Buffer.from('tls');
const QUESTION = Buffer.concat(encodePacket(request('ECHO_REQ', { data: HELLO })));
const ANSWER = Buffer.concat(encodePacket(response('ECHO_RES', { data: HELLO })));

/** Dials with TLS. */
export function createTlsDial(
  options: TlsOptions,
  socketOptions: Omit<SocketDialOptions, 'tls'> = {},
): (address: TcpAddress, handlers: TransportHandlers) => Transport {
  return (address, handlers) =>
    new TlsAttempt(address, { ...socketOptions, tls: options }, handlers).transport;
}

/**
 * One encrypted connection, from the dial to its end.
 *
 * It counts as open once the server has answered an ECHO_REQ. With TLS 1.3 the handshake is over for us before the
 * server has looked at our certificate; without that answer, jobs sent to a server that then refuses the certificate
 * would end as "nobody knows" instead of never having been sent.
 */
class TlsAttempt {
  readonly transport: SocketTransport;
  readonly #address: TcpAddress;
  readonly #socket: Socket;
  readonly #hasCertificate: boolean;
  readonly #keepAliveMs: number;
  readonly #handlers: TransportHandlers;
  #phase: 'connect' | TlsPhase | 'ready' = 'connect';
  #greeting: Buffer = Buffer.alloc(0);

  constructor(address: TcpAddress, options: AttemptOptions, handlers: TransportHandlers) {
    const { socket, hasCertificate } = open(address, options);
    this.#keepAliveMs = options.keepAliveMs ?? TCP_KEEPALIVE_MS;
    this.#address = address;
    this.#socket = socket;
    this.#hasCertificate = hasCertificate;
    this.#handlers = handlers;
    this.transport = new SocketTransport(socket);
    let failure: Error | undefined;
    // The pool decides what keeps the process alive, not a socket.
    socket.unref();
    socket.once('connect', () => this.#onConnect());
    socket.once('secureConnect', () => {
      this.#phase = 'greeting';
      socket.write(QUESTION);
    });
    socket.on('data', (chunk: Buffer) =>
      this.#phase === 'ready' ? handlers.onData(chunk) : this.#onGreeting(chunk),
    );
    // A server that closes reads no more: do not wait until it took what is left.
    socket.once('end', () => socket.destroy());
    socket.on('drain', () => handlers.onDrain());
    socket.on('error', (error) => {
      failure ??= error;
    });
    socket.once('close', () => handlers.onClose(this.#explain(failure)));
  }

  #onConnect(): void {
    this.#phase = 'handshake';
    this.transport.handshaking = true;
    // Not before: a host with several addresses gets a new handle for each that is tried.
    this.#socket.unref();
    this.#socket.setNoDelay(true);
    this.#socket.setKeepAlive(true, this.#keepAliveMs);
  }

  #onGreeting(chunk: Buffer): void {
    this.#greeting = Buffer.concat([this.#greeting, chunk]);
    const answer = this.#greeting.subarray(0, ANSWER.length);
    if (!answer.equals(ANSWER.subarray(0, answer.length))) {
      const reason = 'the answer to ECHO_REQ is wrong; is it a job server?';
      this.#socket.destroy(new ConnectError(serverName(this.#address), reason));
    } else if (answer.length === ANSWER.length) {
      const rest = this.#greeting.subarray(ANSWER.length);
      this.#phase = 'ready';
      this.transport.handshaking = false;
      this.#handlers.onConnect();
      if (rest.length > 0) this.#handlers.onData(rest);
    }
  }

  /** Before, TCP is to blame; afterwards the connection is lost like any other. */
  #explain(failure: Error | undefined): Error | undefined {
    const phase = this.#phase;
    if (phase === 'connect' || phase === 'ready' || failure instanceof GearmanError) return failure;
    return tlsFailure(this.#address, failure, phase, { hasCertificate: this.#hasCertificate });
  }
}

/** Never throws: what prevents a connect is the failure of the socket. */
function open(
  address: TcpAddress,
  { tls: options, lookup }: AttemptOptions,
): { readonly socket: Socket; readonly hasCertificate: boolean } {
  const { host, port } = address;
  const name = options.servername ?? host;
  try {
    const material = loadTls(options, 'tls');
    const socket = connect({
      ...{ host, port, ...material, ...(lookup && { lookup }) },
      minVersion: 'TLSv1.2',
      rejectUnauthorized: options.rejectUnauthorized ?? true,
      // An address is checked, too, but must not be announced (RFC 6066, section 3).
      ...(isIP(name) === 0 && { servername: name }),
      checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    });
    return { socket, hasCertificate: material.cert !== undefined };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const failure = new TlsError(serverName(address), reason, 'the next attempt looks again', {
      cause: error,
    });
    return { socket: new Socket().destroy(failure), hasCertificate: false };
  }
}
