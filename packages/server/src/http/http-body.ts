import type { IncomingMessage } from 'node:http';
import type { InputHolder } from '../net/input-budget.ts';
import type { ServerContext } from '../net/server-context.ts';

/** Whom a body is for. */
export interface HttpBodyOwner {
  bodyComplete(body: Uint8Array): void;
  bodyTooLarge(): void;
}

/** The body of a request, collected within the limits of the server. */
export class HttpBody implements InputHolder {
  readonly #context: ServerContext;
  readonly #request: IncomingMessage;
  readonly #owner: HttpBodyOwner;
  readonly #begunAt: number;
  #chunks: Uint8Array[] = [];
  #sizeBytes = 0;
  #done = false;

  constructor(context: ServerContext, request: IncomingMessage, owner: HttpBodyOwner) {
    this.#context = context;
    this.#request = request;
    this.#owner = owner;
    this.#begunAt = context.clock.monotonicMs();
    request.on('data', (chunk: Uint8Array) => this.#read(chunk));
    request.on('end', () => this.#ended());
  }

  /** For how long it has been coming, in milliseconds, while memory is short. */
  lateMs(now: number): number {
    return !this.#done && this.#sizeBytes > 0 && this.#context.input.short ? now - this.#begunAt : 0;
  }

  goOnReading(): void {
    this.#request.resume();
  }

  /** Forgets it. */
  drop(): void {
    if (this.#done) return;
    this.#done = true;
    this.#chunks = [];
    this.#context.input.shrink(this, this.#sizeBytes);
    // What is left of it goes by unread.
    this.#request.resume();
  }

  #read(chunk: Uint8Array): void {
    if (this.#done) return;
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
    const fits = this.#context.input.grow(this, chunk.length, this.#sizeBytes);
    if (this.#sizeBytes > this.#context.limits.maxPacketBytes) {
      this.drop();
      this.#owner.bodyTooLarge();
    } else if (!fits) {
      this.#context.limitLog.note('maxInputBytes');
      this.#request.pause();
    }
  }

  #ended(): void {
    if (this.#done) return;
    const chunks = this.#chunks;
    this.drop();
    this.#owner.bodyComplete(Buffer.concat(chunks));
  }
}
