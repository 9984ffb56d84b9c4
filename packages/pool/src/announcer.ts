import { decodeText, formatCommand, type GearmanError, request } from '@gearman/protocol';
import type { Connection } from './connection.ts';
import { NoStreamingError, OptionRefusedError, ServerError } from './errors.ts';
import type { PoolEvent } from './pool-events.ts';
import type { Registration, WantedOption } from './registration.ts';
import type { LinesHandler } from './reply-queue.ts';
import type { Wire } from './wire.ts';

/** Sends a text command that is answered with one line. */
type SendCommand = (line: string, handler: LinesHandler) => void;

/** Tells servers what a {@link Registration} holds, and hears what they say to it. */
export class Announcer {
  readonly #registration: Registration;
  readonly #onEvent: (event: PoolEvent) => void;

  constructor(registration: Registration, onEvent: (event: PoolEvent) => void) {
    this.#registration = registration;
    this.#onEvent = onEvent;
  }

  /** Tells everything, in the fixed order. The connection is greeted when all required options have been granted. */
  tell(connection: Connection, wire: Wire): void {
    const options = this.#registration.options();
    let missing = options.filter(({ required }) => required).length;
    for (const option of options) {
      wire.request(
        request('OPTION_REQ', { option: option.option }),
        this.#optionHandler(connection, option, () => {
          if (!option.required) return;
          missing--;
          if (missing === 0) connection.greeted();
        }),
      );
    }
    for (const packet of this.#registration.announcements()) wire.send(packet);
    for (const [functionName, line] of this.#registration.maxQueues()) {
      this.#askMaxQueue(connection.server, functionName, line, (command, handler) =>
        wire.command(command, 'done', handler),
      );
    }
  }

  /** Asks a connected server for one more option. */
  askOption(connection: Connection, option: WantedOption): void {
    const packet = request('OPTION_REQ', { option: option.option });
    connection.request(
      packet,
      this.#optionHandler(connection, option, () => {}),
    );
  }

  /** Tells a connected server one more limit. */
  askMaxQueue(connection: Connection, functionName: string, line: string): void {
    this.#askMaxQueue(connection.server, functionName, line, (command, handler) =>
      connection.command(command, 'done', handler),
    );
  }

  #optionHandler(connection: Connection, { option, required }: WantedOption, onGranted: () => void) {
    return {
      onReply: onGranted,
      onReplyError: (error: GearmanError): void => {
        const { name } = connection.state;
        // Anywhere else the connection is gone, and the option was not refused.
        if (name !== 'ready' && name !== 'greeting') return;
        const { server } = connection;
        const text = decodeText(option);
        this.#onEvent({ type: 'option-refused', server, option: text, error });
        if (required && connection.state.name === name) connection.drop(refusal(server, text, error));
      },
    };
  }

  #askMaxQueue(server: string, functionName: string, line: string, send: SendCommand): void {
    const refused = (error: GearmanError): void =>
      this.#onEvent({ type: 'max-queue-refused', server, functionName: decodeText(functionName), error });
    // gearmand forgets the limit of a function that it does not know. A server that cannot create one says so below.
    send(formatCommand('create function', [functionName]), { onLines: () => {}, onReplyError: () => {} });
    send(line, {
      onLines: ([answer = '']) => {
        if (answer.startsWith('ERR ')) refused(new ServerError(server, ...codeAndText(answer)));
      },
      onReplyError: refused,
    });
  }
}

function refusal(server: string, option: string, cause: GearmanError): OptionRefusedError {
  return option === 'streaming'
    ? new NoStreamingError(server, { cause })
    : new OptionRefusedError(server, option, { cause });
}

/** `ERR UNKNOWN_COMMAND Unknown+server+command`. */
function codeAndText(line: string): [code: string, text: string] {
  const [, code = '', ...words] = line.split(' ');
  return [code, words.join(' ').replaceAll('+', ' ')];
}
