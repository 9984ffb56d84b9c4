import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { printableAddress } from '../net/address.ts';
import type { Connections } from '../net/connections.ts';
import { addressOf, closeListener, openListener, type ServerAddress } from '../net/listen.ts';
import type { ServerContext } from '../net/server-context.ts';
import { answerShortly } from './http-answer.ts';
import { HttpExchange } from './http-exchange.ts';
import { readSubmission } from './http-submission.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT'] as const;
const ALLOW = METHODS.join(', ');
const LEADING_SLASHES = /^\/+/;
// Longer than any that is accepted, written with three characters per byte.
const LONGEST_PATH = 16_384;

type Route = (request: IncomingMessage, response: ServerResponse) => void;

/** Takes jobs over HTTP, as the HTTP plugin of gearmand does. */
export class HttpListener {
  readonly #context: ServerContext;
  readonly #connections: Connections;
  readonly #server: Server;
  #route: Route | undefined;

  constructor(context: ServerContext, connections: Connections, onAcceptError: (error: Error) => void) {
    this.#context = context;
    this.#connections = connections;
    const headersTimeout = Math.ceil(context.limits.messageTimeoutMs);
    this.#server = createServer(
      {
        noDelay: true,
        headersTimeout,
        requestTimeout: headersTimeout * 10,
        // Scripts written for gearmand may leave it out.
        requireHostHeader: false,
      },
      (request, response) => this.#route?.(request, response),
    );
    this.#server.on('error', (error) => {
      // Before that, whoever called listen() is told.
      if (this.#server.listening) onAcceptError(error);
    });
    this.#server.on('connection', (socket) => this.#accept(socket));
    // Node would close it without a word.
    this.#server.on('connect', (_request, socket) => {
      socket.end(`HTTP/1.1 405 Method Not Allowed\r\nAllow: ${ALLOW}\r\nConnection: close\r\n\r\n`);
    });
  }

  get address(): ServerAddress {
    return addressOf(this.#server);
  }

  /** @throws ListenError `ERR_GEARMAN_LISTEN` */
  async listen(where: { readonly port: number; readonly host: string }): Promise<void> {
    this.#route = await this.#loadRouter();
    await openListener(this.#server, { ...where, backlog: 511 });
  }

  /** Accepts no more, and resolves when every connection is closed. */
  close(): Promise<void> {
    return closeListener(this.#server);
  }

  async #loadRouter(): Promise<Route> {
    // Loaded here because most servers do without.
    const { default: createRouter } = await import('find-my-way');
    const router = createRouter({
      defaultRoute: (_request, response) => {
        answerShortly(response, 405, { Allow: ALLOW }, { error: 'METHOD', message: `use ${ALLOW}` });
      },
      onBadUrl: (_path, _request, response) => {
        answerShortly(response, 400, {}, { error: 'PATH', message: 'the path cannot be decoded' });
      },
      maxParamLength: LONGEST_PATH,
    });
    router.on([...METHODS], '/*', (request, response, parameters) => {
      this.#submit(request, response, (parameters['*'] ?? '').replace(LEADING_SLASHES, ''));
    });
    return (request, response) => void router.lookup(request, response);
  }

  #submit(request: IncomingMessage, response: ServerResponse, functionName: string): void {
    const { headers, method, socket } = request;
    response.once('close', () => this.#closeIdle());
    if (comesFromWebPage(request)) {
      const message = 'web pages may not submit jobs';
      answerShortly(response, 403, {}, { error: 'FORBIDDEN', message });
      return;
    }
    if (functionName === '') {
      answerShortly(response, method === 'HEAD' ? 200 : 404, {});
      return;
    }
    const submission = readSubmission(functionName, headers);
    if (typeof submission === 'string') {
      answerShortly(response, 400, {}, { error: 'INVALID_ARGUMENT', message: submission });
      return;
    }
    const address = printableAddress(socket.remoteAddress);
    new HttpExchange(this.#context, this.#connections, request, response, address, submission).start();
  }

  /** Connections that are kept open for more requests must not hold up {@link close}. */
  #closeIdle(): void {
    if (!this.#server.listening) setImmediate(() => this.#server.closeIdleConnections());
  }

  #accept(socket: Socket): void {
    const address = printableAddress(socket.remoteAddress);
    if (!this.#connections.enter(address)) {
      socket.destroy();
      return;
    }
    socket.once('close', () => this.#connections.leave(address));
  }
}

/**
 * Any page that a browser on this machine shows can send requests to this port; nothing but these headers tells them
 * from those of programs.
 */
function comesFromWebPage({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'];
  return headers.origin !== undefined || (site !== undefined && site !== 'none');
}
