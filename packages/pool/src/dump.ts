import { DEFAULT_MAX_PACKET_BYTES, type StreamMessage, StreamParser } from '@gearman/protocol';
import type { ConnectionSettings } from './connection-options.ts';
import type { Dumped } from './pool-events.ts';
import type { Dial, Transport } from './transport.ts';

const SHOWN_BYTES = 256;

/** Hears what travels. */
export type OnDump = (direction: 'read' | 'write', dumped: Dumped) => void;

/** A dialer that shows everything that travels, built only for connections whose option `dump` is on. */
export function createDumpDial(
  dial: Dial,
  { dump, redactPayload, maxPacketBytes }: ConnectionSettings,
  onDump: OnDump,
): Dial {
  if (dump === 'off') return dial;
  return (address, handlers) => {
    const create = (direction: 'read' | 'write'): ((bytes: Uint8Array) => void) =>
      dump === 'bytes'
        ? (bytes) => onDump(direction, dumpBytes(bytes))
        : dumpPackets(maxPacketBytes, redactPayload, (dumped) => onDump(direction, dumped));
    const [onRead, onWrite] = [create('read'), create('write')];
    const transport = dial(address, {
      ...{ onConnect: () => handlers.onConnect(), onDrain: () => handlers.onDrain() },
      onData: (chunk) => {
        onRead(chunk);
        handlers.onData(chunk);
      },
      onClose: (error) => handlers.onClose(error),
    });
    return new DumpTransport(transport, onWrite);
  };
}

class DumpTransport implements Transport {
  readonly #transport: Transport;
  readonly #onWrite: (bytes: Uint8Array) => void;

  constructor(transport: Transport, onWrite: (bytes: Uint8Array) => void) {
    this.#transport = transport;
    this.#onWrite = onWrite;
  }

  get bufferedBytes(): number {
    return this.#transport.bufferedBytes;
  }

  get handshaking(): boolean {
    return this.#transport.handshaking === true;
  }

  get takenBytes(): number {
    return this.#transport.takenBytes ?? 0;
  }

  write(pieces: readonly Uint8Array[]): boolean {
    for (const piece of pieces) this.#onWrite(piece);
    return this.#transport.write(pieces);
  }

  pause(): void {
    this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  end(): void {
    this.#transport.end();
  }

  destroy(): void {
    this.#transport.destroy();
  }
}

function dumpBytes(chunk: Uint8Array): Dumped {
  const bytes = Buffer.from(chunk);
  return { bytes, text: `${bytes.length} bytes ${printable(bytes)}` };
}

function dumpPackets(
  maxPacketBytes: number,
  redact: boolean,
  tell: (dumped: Dumped) => void,
): (bytes: Uint8Array) => void {
  // What we send may be larger than what we accept.
  const maxBytes = Math.max(maxPacketBytes, DEFAULT_MAX_PACKET_BYTES);
  const parser = new StreamParser({ maxPacketBytes: maxBytes, maxLineBytes: maxBytes });
  return (bytes) => {
    for (const message of parser.push(bytes)) tell(dumpMessage(message, redact));
  };
}

function dumpMessage(message: StreamMessage, redact: boolean): Dumped {
  const fields: Record<string, unknown> = { ...message };
  const words: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Uint8Array) {
      // A copy: the buffer is used again for the next read.
      fields[name] = redact ? new Uint8Array() : Buffer.from(value);
      words.push(`${name}=<${value.length} bytes>${redact ? '' : ` ${printable(value)}`}`);
    } else if (name !== 'type' && name !== 'magic') words.push(`${name}=${JSON.stringify(value)}`);
  }
  const text = [message.type, ...words].join(' ');
  // The same message, but for its bytes.
  return { message: fields as unknown as StreamMessage, text };
}

/** At most 256 bytes, those that are not printable as escapes. */
function printable(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, SHOWN_BYTES));
  return `${JSON.stringify(shown.toString('latin1'))}${bytes.length > SHOWN_BYTES ? '…' : ''}`;
}
