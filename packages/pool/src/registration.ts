import {
  encodeText,
  formatCommand,
  InvalidArgumentError,
  MAX_CLIENT_ID_BYTES,
  type Packet,
  request,
} from '@gearman/protocol';

const MAX_OPTION_BYTES = 63;

/** Limits of the jobs of one function that may wait: of all priorities together, or of each; 0 is no limit. */
export type MaxQueue = number | { readonly high?: number; readonly normal?: number; readonly low?: number };

/** A server option, and whether a server that refuses it is of no use. */
export interface WantedOption {
  /** As it travels. */
  readonly option: string;
  readonly required: boolean;
}

/**
 * What a job server must be told on every connect, because it forgets it with the connection, or when it starts anew.
 *
 * The order is fixed: options, client id, functions, limits of queues.
 */
export class Registration {
  readonly #options = new Map<string, boolean>();
  readonly #functions = new Map<string, number | undefined>();
  readonly #maxQueues = new Map<string, string>();
  #clientId: string | undefined;

  /** True when a server may refuse something without which it is of no use. */
  get hasRequired(): boolean {
    for (const required of this.#options.values()) if (required) return true;
    return false;
  }

  /** @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
  addOption(text: string, required: boolean): WantedOption {
    const option = encodeText(text);
    if (!isOption(text)) {
      throw new InvalidArgumentError(`a server option must be 1 to ${MAX_OPTION_BYTES} bytes without NUL`);
    }
    this.#options.set(option, required || this.#options.get(option) === true);
    return { option, required };
  }

  /** @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
  setClientId(text: string): Packet<'SET_CLIENT_ID'> {
    const clientId = encodeText(text);
    if (!isClientId(text)) {
      throw new InvalidArgumentError(`a client id must be 1 to ${MAX_CLIENT_ID_BYTES} bytes without spaces`);
    }
    this.#clientId = clientId;
    return request('SET_CLIENT_ID', { clientId });
  }

  addFunction(functionName: string, timeoutMs: number | undefined): Packet<'CAN_DO' | 'CAN_DO_TIMEOUT'> {
    this.#functions.set(functionName, timeoutMs);
    return canDo(functionName, timeoutMs);
  }

  removeFunction(functionName: string): Packet<'CANT_DO'> {
    this.#functions.delete(functionName);
    return request('CANT_DO', { functionName });
  }

  /**
   * Sets the limits of a function's queue, or takes them away from what is told on later connects.
   *
   * @returns the command, a line without its end
   * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for a name that the text protocol cannot carry
   */
  setMaxQueue(functionName: string, limits: MaxQueue | null): string {
    const words =
      limits === null
        ? []
        : typeof limits === 'number'
          ? [limits]
          : [limits.high ?? 0, limits.normal ?? 0, limits.low ?? 0];
    if (!words.every((word) => Number.isSafeInteger(word) && word >= 0)) {
      throw new InvalidArgumentError('the limit of a queue must be a whole number of jobs, 0 for none');
    }
    const line = formatCommand('maxqueue', [functionName, ...words.map(String)]);
    if (limits === null) this.#maxQueues.delete(functionName);
    else this.#maxQueues.set(functionName, line);
    return line;
  }

  /** The options to ask for; each is answered. */
  options(): WantedOption[] {
    return [...this.#options].map(([option, required]) => ({ option, required }));
  }

  /** The commands that limit queues, by function; each is answered. */
  maxQueues(): ReadonlyMap<string, string> {
    return this.#maxQueues;
  }

  /** The packets behind them, none of which is answered. */
  announcements(): Packet<'SET_CLIENT_ID' | 'CAN_DO' | 'CAN_DO_TIMEOUT'>[] {
    const functions = [...this.#functions].map(([name, timeoutMs]) => canDo(name, timeoutMs));
    return this.#clientId === undefined
      ? functions
      : [request('SET_CLIENT_ID', { clientId: this.#clientId }), ...functions];
  }
}

/** True for text that can be the name of a server option. */
export function isOption(text: string): boolean {
  const bytes = encodeText(text);
  return bytes.length >= 1 && bytes.length <= MAX_OPTION_BYTES && !bytes.includes('\0');
}

/** True for text that can be a client id: spaces and line ends would break the listing of `workers`. */
export function isClientId(text: string): boolean {
  const bytes = encodeText(text).length;
  return bytes >= 1 && bytes <= MAX_CLIENT_ID_BYTES && !/[\s\0]/.test(text);
}

function canDo(functionName: string, timeoutMs: number | undefined): Packet<'CAN_DO' | 'CAN_DO_TIMEOUT'> {
  return timeoutMs === undefined
    ? request('CAN_DO', { functionName })
    : request('CAN_DO_TIMEOUT', { functionName, timeout: String(Math.ceil(timeoutMs)) });
}
