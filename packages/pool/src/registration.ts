import {
  encodeText,
  InvalidArgumentError,
  MAX_CLIENT_ID_BYTES,
  type Packet,
  request,
} from '@gearman/protocol';

const MAX_OPTION_BYTES = 63;

/**
 * What a job server must be told on every connect, because it forgets it with the connection.
 *
 * The order is fixed: options, client id, functions.
 */
export class Registration {
  readonly #options = new Set<string>();
  readonly #functions = new Map<string, number | undefined>();
  #clientId: string | undefined;

  /** @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
  addOption(text: string): Packet<'OPTION_REQ'> {
    const option = encodeText(text);
    if (!isOption(text)) {
      throw new InvalidArgumentError(`a server option must be 1 to ${MAX_OPTION_BYTES} bytes without NUL`);
    }
    this.#options.add(option);
    return request('OPTION_REQ', { option });
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

  /** The OPTION_REQ packets, each of which is answered. */
  options(): Packet<'OPTION_REQ'>[] {
    return [...this.#options].map((option) => request('OPTION_REQ', { option }));
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
