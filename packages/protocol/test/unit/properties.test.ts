import {
  encodePacket,
  LineParser,
  PACKET_TYPES,
  PACKETS,
  type Packet,
  type PacketDefinition,
  PacketParser,
  type PacketType,
  PacketWriter,
  StreamParser,
} from '@gearman/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOf, concat, feed, frame, header, show, toHex } from '../helpers.ts';

const byte = fc.integer({ min: 0, max: 255 });
const text = (lowest: number) =>
  fc
    .array(fc.integer({ min: lowest, max: 255 }), { maxLength: 40 })
    .map((codes) => String.fromCharCode(...codes));
const bytes = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.uint8Array({ minLength: 500, maxLength: 700 }));

/** A value for each argument of this type that can be told from its encoding. */
function packetOf(type: PacketType): fc.Arbitrary<Packet> {
  const { args, magic, lenient }: PacketDefinition = PACKETS[type];
  const fields = args.map(({ name, kind }, i): [string, fc.Arbitrary<unknown>] => {
    if (kind === 'bytes') return [name, bytes];
    const isLast = i === args.length - 1;
    // A NUL at the end of such a last argument is dropped by readers, one in it is not needed by anybody.
    return [name, text(isLast && lenient === undefined ? 0 : 1)];
  });
  const tags = { type: fc.constant(type), magic: fc.constantFrom(...magic) };
  // The table is where Packet comes from.
  return fc.record({ ...tags, ...Object.fromEntries(fields) }) as unknown as fc.Arbitrary<Packet>;
}

const packet = fc.constantFrom(...PACKET_TYPES).chain(packetOf);
const line = fc
  .tuple(fc.integer({ min: 1, max: 255 }), fc.array(byte, { maxLength: 30 }))
  .map(([first, rest]) => String.fromCharCode(first, ...rest))
  .filter((candidate) => !candidate.includes('\n') && !candidate.endsWith('\r'));

/** Offsets at which a stream of this length is cut. */
const cutsOf = (length: number) =>
  fc.array(fc.nat({ max: length }), { maxLength: 12 }).map((cuts) => cuts.sort((a, b) => a - b));

describe('any packets', () => {
  it('come back as they were written, in any chunks', () => {
    const packetsAndCuts = fc.array(packet, { maxLength: 8 }).chain((packets) => {
      const stream = concat(packets.flatMap(encodePacket));
      return fc.record({
        packets: fc.constant(packets),
        stream: fc.constant(stream),
        cuts: cutsOf(stream.length),
      });
    });
    fc.assert(
      fc.property(packetsAndCuts, ({ packets, stream, cuts }) => {
        expect(feed(new PacketParser(), stream, cuts)).toEqual(packets.map(show));
      }),
      { numRuns: 500 },
    );
  });

  it('have the same bytes from PacketWriter and encodePacket', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 12 }), fc.nat({ max: 800 }), (packets, copyUpToBytes) => {
        const writer = new PacketWriter({ copyUpToBytes });
        for (const each of packets) writer.write(each);
        const expected = concat(packets.flatMap(encodePacket));
        expect(writer.sizeBytes).toBe(expected.length);
        expect(toHex(concat(writer.take()))).toBe(toHex(expected));
      }),
      { numRuns: 500 },
    );
  });

  it('may stand between any lines', () => {
    const message = fc.oneof(packet, line);
    const mixed = fc.array(message, { maxLength: 8 }).chain((messages) => {
      const parts = messages.flatMap((each) =>
        typeof each === 'string' ? [bytesOf(`${each}\n`)] : encodePacket(each),
      );
      const stream = concat(parts);
      return fc.record({
        messages: fc.constant(messages),
        stream: fc.constant(stream),
        cuts: cutsOf(stream.length),
      });
    });
    fc.assert(
      fc.property(mixed, ({ messages, stream, cuts }) => {
        const expected = messages.map((each) =>
          show(typeof each === 'string' ? { type: 'TEXT', line: each } : each),
        );
        expect(feed(new StreamParser(), stream, cuts)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
});

describe('any bytes', () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.array(fc.constantFrom(0, 1, 0x41), { maxLength: 20 }),
  );
  const anyFrame = fc
    .tuple(fc.integer({ min: 0, max: 45 }), body, fc.constantFrom('\0REQ', '\0RES'))
    .map(([code, content, magic]) => frame(code, String.fromCharCode(...content), magic));
  const anyHeader = fc
    .tuple(fc.nat({ max: 0xffff_ffff }), fc.nat({ max: 0xffff_ffff }))
    .map(([code, size]) => header(code, size));
  const piece = fc.oneof(
    { weight: 6, arbitrary: anyFrame },
    { weight: 1, arbitrary: anyHeader },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
    { weight: 2, arbitrary: line.map((each) => bytesOf(`${each}\r\n`)) },
  );
  const stream = fc.array(piece, { maxLength: 6 }).map(concat);

  it.each([
    ['StreamParser', () => new StreamParser({ maxPacketBytes: 50, maxLineBytes: 20 })],
    ['PacketParser', () => new PacketParser({ maxPacketBytes: 50 })],
    ['LineParser', () => new LineParser({ maxLineBytes: 20 })],
  ])('never make %s throw, and give the same in any chunks', (_name, create) => {
    const streamAndCuts = stream.chain((each) =>
      fc.record({ each: fc.constant(each), cuts: cutsOf(each.length) }),
    );
    fc.assert(
      fc.property(streamAndCuts, ({ each, cuts }) => {
        const parser: { push(chunk: Uint8Array): unknown[] } = create();
        expect(feed(parser, each, cuts)).toEqual(feed<unknown>(create(), each));
      }),
      { numRuns: 1000 },
    );
  });
});
