import { type Extension, type Packet, request } from '@gearman/protocol';
import { ServerError } from './errors.ts';
import type { ReplyHandler } from './reply-queue.ts';

/** Sends an OPTION_REQ. False when the connection is not ready. */
type SendOption = (packet: Packet<'OPTION_REQ'>, handler: ReplyHandler<Packet<'OPTION_RES'>>) => boolean;

/** Which extensions the server of a connection has. It is asked when somebody wants one, once per connect. */
export class Agreements {
  #known = new Map<Extension, boolean | (() => void)[]>();

  /** A new connection: its server, which may be another one by now, knows nothing of us. */
  reset(): void {
    this.#known = new Map();
  }

  /** See `Connection.has()`. */
  has(extension: Extension, send: SendOption, onAnswer: () => void): boolean | undefined {
    const known = this.#known;
    const answer = known.get(extension);
    if (typeof answer === 'boolean') return answer;
    if (answer !== undefined) {
      answer.push(onAnswer);
      return undefined;
    }
    const waiting = [onAnswer];
    const settle = (has: boolean | undefined): void => {
      if (has === undefined) known.delete(extension);
      else known.set(extension, has);
      for (const tell of waiting) tell();
    };
    known.set(extension, waiting);
    const isAsked = send(request('OPTION_REQ', { option: extension }), {
      onReply: () => settle(true),
      onReplyError: (error) => settle(error instanceof ServerError ? false : undefined),
    });
    if (!isAsked) known.delete(extension);
    return undefined;
  }
}
