import { BodyReader, MAX_TEXT_BYTES } from './body-reader.ts';
import { type Layout, layoutOf } from './layout.ts';
import type { Malformed } from './messages.ts';
import type { Magic, Packet, PacketType } from './packets.ts';

/**
 * Splits the body of one packet into its arguments.
 *
 * The body is what stands in `bytes` from `start` to `end`: exactly the `size` bytes behind the header. Separators are
 * looked for nowhere else, so a malformed packet never eats its neighbour (gearmand's does). Byte arguments of the
 * result are views into `bytes`. Too few separators or a text argument over 8191 bytes give a {@link Malformed} value;
 * nothing is thrown.
 *
 * @see gearmand `PROTOCOL`, "Binary Packet"
 */
export function decodeBody(
  type: PacketType,
  magic: Magic,
  bytes: Uint8Array,
  start = 0,
  end = bytes.length,
): Packet | Malformed {
  return decodeWith(layoutOf(type), magic, new BodyReader(bytes), start, end);
}

/** {@link decodeBody} for those who decode many packets of one chunk. */
export function decodeWith(
  layout: Layout,
  magic: Magic,
  reader: BodyReader,
  start: number,
  end: number,
): Packet | Malformed {
  switch (layout.lenient) {
    case undefined:
      return split(layout, magic, reader, start, end);
    case 'trailing-nul':
      return split(layout, magic, reader, start, end > start && reader.bytes[end - 1] === 0 ? end - 1 : end);
    default: {
      const found = split(layout, magic, reader, start, end);
      // A NUL too few shows as a failure. One too many does not: it becomes part of the next argument.
      if (layout.lenient === 'missing-last' && found.type !== 'MALFORMED') return found;
      const repaired = repair(layout, reader.bytes.subarray(start, end));
      if (repaired === undefined) return found;
      return split(layout, magic, new BodyReader(repaired), 0, repaired.length);
    }
  }
}

function split(
  layout: Layout,
  magic: Magic,
  reader: BodyReader,
  start: number,
  end: number,
): Packet | Malformed {
  reader.open(start, end);
  const packet = layout.build(layout.type, magic, reader);
  // build() filled in exactly the fields that the row of this type names.
  return reader.problemAt < 0 ? (packet as Packet) : malformed(layout, magic, reader, start, end);
}

/** The body as its sender must have meant it, for the two kinds of packet that come one NUL short or one too many. */
function repair(layout: Layout, body: Uint8Array): Uint8Array | undefined {
  const nul = body.indexOf(0);
  if (layout.lenient === 'missing-last') return nul < 0 ? Uint8Array.of(...body, 0) : undefined;
  if (nul < 0 || body[nul + 1] !== 0 || countNuls(body) <= layout.separators) return undefined;
  return body.filter((_, i) => i !== nul + 1);
}

function malformed(layout: Layout, magic: Magic, reader: BodyReader, start: number, end: number): Malformed {
  const { problemAt, bytes } = reader;
  // Every argument before the bad one has a NUL behind it.
  const name = layout.texts[countNuls(bytes.subarray(start, problemAt))];
  const problem =
    end - problemAt > MAX_TEXT_BYTES ? `is longer than ${MAX_TEXT_BYTES} bytes` : 'has no NUL behind it';
  const reason = `argument "${name}" ${problem}`;
  return { type: 'MALFORMED', packetType: layout.type, magic, sizeBytes: end - start, reason };
}

function countNuls(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) if (byte === 0) count++;
  return count;
}
