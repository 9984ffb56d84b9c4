import type { Connection } from '@gearman/pool';
import { InvalidArgumentError } from '@gearman/protocol';

/** What a job can carry: bytes, text (sent as UTF-8), or nothing. */
export type Payload = Uint8Array | string | undefined;

const NO_BYTES = Buffer.alloc(0);

/** The bytes of a payload; those of a `Uint8Array` are not copied. @throws InvalidArgumentError */
export function toBytes(data: Payload): Uint8Array {
  if (data === undefined) return NO_BYTES;
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof Uint8Array) return data;
  throw new InvalidArgumentError(
    `data must be a Uint8Array, a string or undefined, not ${describe(data)}; ` +
      'for other values use JSON.stringify()',
  );
}

/** Bytes of a packet for somebody to keep. Always a Buffer, so that results do not differ by how they came. */
export function keepBytes(connection: Connection, bytes: Uint8Array): Buffer {
  if (bytes.length === 0) return NO_BYTES;
  const own = connection.own(bytes);
  return Buffer.isBuffer(own) ? own : Buffer.from(own.buffer, own.byteOffset, own.length);
}

/** The parts in one piece. */
export function joinBytes(parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? `an object (${value.constructor?.name ?? 'no class'})` : typeof value;
}
