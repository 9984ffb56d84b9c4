// Arrays as PostgreSQL sends and takes them in its binary format. As text, every byte of a payload would be two and every
// value would have to be quoted.

const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL_LENGTH = -1;

const OID = { bytea: 17, int8: 20, int2: 21, float8: 701 } as const;

function header(oid: number, count: number, bodyBytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes);
  // Dimensions; whether there may be nulls; the type; how many; where counting begins.
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(1, 4);
  buffer.writeUInt32BE(oid, 8);
  buffer.writeInt32BE(count, 12);
  buffer.writeInt32BE(1, 16);
  return buffer;
}

function fixed<T>(
  oid: number,
  values: readonly T[],
  sizeBytes: number,
  write: (buffer: Buffer, value: T, at: number) => void,
): Buffer {
  const buffer = header(oid, values.length, values.length * (LENGTH_BYTES + sizeBytes));
  let at = HEADER_BYTES;
  for (const value of values) {
    buffer.writeInt32BE(sizeBytes, at);
    write(buffer, value, at + LENGTH_BYTES);
    at += LENGTH_BYTES + sizeBytes;
  }
  return buffer;
}

/** `bigint[]`; whole numbers below 2 ** 53. */
export function int8Array(values: readonly number[]): Buffer {
  return fixed(OID.int8, values, 8, (buffer, value, at) => {
    buffer.writeInt32BE(Math.floor(value / 0x1_0000_0000), at);
    buffer.writeUInt32BE(value % 0x1_0000_0000, at + 4);
  });
}

/** `smallint[]` */
export function int2Array(values: readonly number[]): Buffer {
  return fixed(OID.int2, values, 2, (buffer, value, at) => buffer.writeInt16BE(value, at));
}

/** `double precision[]` */
export function float8Array(values: readonly number[]): Buffer {
  return fixed(OID.float8, values, 8, (buffer, value, at) => buffer.writeDoubleBE(value, at));
}

/** `bytea[]`; undefined is null. */
export function byteaArray(values: readonly (Uint8Array | undefined)[]): Buffer {
  let bodyBytes = 0;
  for (const value of values) bodyBytes += LENGTH_BYTES + (value?.length ?? 0);
  const buffer = header(OID.bytea, values.length, bodyBytes);
  let at = HEADER_BYTES;
  for (const value of values) {
    buffer.writeInt32BE(value?.length ?? NULL_LENGTH, at);
    at += LENGTH_BYTES;
    if (value === undefined) continue;
    buffer.set(value, at);
    at += value.length;
  }
  return buffer;
}

/** `bytea[]` of texts; undefined is null. */
export function textArray(values: readonly (string | undefined)[], encoding: 'latin1' | 'utf8'): Buffer {
  let bodyBytes = 0;
  for (const value of values) {
    bodyBytes += LENGTH_BYTES + (value === undefined ? 0 : Buffer.byteLength(value, encoding));
  }
  const buffer = header(OID.bytea, values.length, bodyBytes);
  let at = HEADER_BYTES;
  for (const value of values) {
    const written = value === undefined ? 0 : buffer.write(value, at + LENGTH_BYTES, encoding);
    buffer.writeInt32BE(value === undefined ? NULL_LENGTH : written, at);
    at += LENGTH_BYTES + written;
  }
  return buffer;
}
