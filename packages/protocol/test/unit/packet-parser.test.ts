import {
  DEFAULT_MAX_PACKET_BYTES,
  encodePacket,
  HEADER_BYTES,
  PacketParser,
  request,
} from '@gearman/protocol';
import { describe, expect, it } from 'vitest';
import { bytesOf, concat, everyByte, feed, frame, header, show } from '../helpers.ts';

const echo = (data: string) => frame(16, data);
const seenEcho = (data: string) => show({ type: 'ECHO_REQ', magic: 'REQ', data: { bytes: data } });

describe('PacketParser', () => {
  it('returns the same packets wherever the stream is cut in three', () => {
    const stream = concat([echo('one'), frame(9, ''), frame(43, 'unknown'), frame(7, 'f\0'), echo('')]);
    const expected = feed(new PacketParser(), stream);
    expect(expected).toHaveLength(5);
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second++) {
        expect(feed(new PacketParser(), stream, [first, second])).toEqual(expected);
      }
    }
  });

  it('accepts empty chunks', () => {
    const parser = new PacketParser();
    expect(parser.push(new Uint8Array(0))).toEqual([]);
    expect(feed(parser, echo('x'), [0, 0, 3, 3, 12, 12, 13, 13])).toEqual([seenEcho('x')]);
  });

  it('reads packets larger than any chunk', () => {
    const data = new Uint8Array(300_000).map((_, i) => i % 251);
    const stream = concat(encodePacket(request('ECHO_REQ', { data })));
    for (const step of [1000, 16_384, 65_536, 299_999]) {
      const parser = new PacketParser();
      const packets = [];
      for (let at = 0; at < stream.length; at += step)
        packets.push(...parser.push(stream.subarray(at, at + step)));
      expect(packets).toHaveLength(1);
      const [packet] = packets;
      expect(packet?.type === 'ECHO_REQ' && Buffer.compare(packet.data, data)).toBe(0);
      expect(parser.bufferedBytes).toBe(0);
    }
  });

  it('gives a packet that came in pieces memory of its own', () => {
    const parser = new PacketParser();
    const stream = echo('abcdef');
    const first = stream.slice(0, 15);
    const second = stream.slice(15);
    expect(parser.push(first)).toEqual([]);
    const [packet] = parser.push(second);
    first.fill(0);
    second.fill(0);
    expect(packet).toEqual({ type: 'ECHO_REQ', magic: 'REQ', data: bytesOf('abcdef') });
  });

  it('is idle between packets only', () => {
    const parser = new PacketParser();
    expect(parser.idle).toBe(true);
    for (const byte of echo('x').subarray(0, -1)) {
      parser.push(Uint8Array.of(byte));
      expect(parser.idle).toBe(false);
    }
    parser.push(bytesOf('x'));
    expect(parser.idle).toBe(true);
    parser.push(frame(43, 'abc').subarray(0, 14));
    expect(parser.idle).toBe(false);
    parser.push(bytesOf('c'));
    expect(parser.idle).toBe(true);
  });

  it('counts where packets start', () => {
    const parser = new PacketParser();
    parser.push(concat([echo('x'), echo('yz').subarray(0, 13)]));
    expect(parser.offsetBytes).toBe(13 + 14);
    parser.push(bytesOf('z'));
    expect(parser.offsetBytes).toBe(27);
  });

  describe('at its limit', () => {
    it('accepts a body of maxPacketBytes and reports the next larger one at its header', () => {
      const parser = new PacketParser({ maxPacketBytes: 5 });
      expect(feed(parser, echo('12345'))).toEqual([seenEcho('12345')]);
      expect(parser.push(header(16, 6))).toEqual([
        { type: 'OVERSIZE', packetType: 'ECHO_REQ', magic: 'REQ', sizeBytes: 6, maxPacketBytes: 5 },
      ]);
      expect(parser.idle).toBe(false);
    });

    it('skips exactly the oversize body and reads the next packet, wherever the stream is cut', () => {
      // The body looks like a packet, so one byte too few or too many would show.
      const stream = concat([frame(16, Buffer.from(echo('inner')).toString('latin1')), echo('next')]);
      const expected = feed(new PacketParser({ maxPacketBytes: 5 }), stream);
      expect(expected).toEqual([expect.stringContaining('OVERSIZE'), seenEcho('next')]);
      for (const cut of everyByte(stream)) {
        expect(feed(new PacketParser({ maxPacketBytes: 5 }), stream, [cut])).toEqual(expected);
      }
      expect(feed(new PacketParser({ maxPacketBytes: 5 }), stream, everyByte(stream))).toEqual(expected);
    });

    it('accepts empty bodies with a limit of 0', () => {
      const parser = new PacketParser({ maxPacketBytes: 0 });
      expect(parser.push(concat([frame(9, ''), echo('x'), frame(9, '')])).map(({ type }) => type)).toEqual([
        'GRAB_JOB',
        'OVERSIZE',
        'GRAB_JOB',
      ]);
    });

    it('allows 64 MiB unless told otherwise', () => {
      expect(DEFAULT_MAX_PACKET_BYTES).toBe(64 * 1024 * 1024);
      expect(new PacketParser().push(header(16, DEFAULT_MAX_PACKET_BYTES))).toEqual([]);
      expect(new PacketParser().push(header(16, DEFAULT_MAX_PACKET_BYTES + 1))).toHaveLength(1);
    });

    it('skips 4 GiB without buffering any of it', () => {
      const parser = new PacketParser();
      parser.push(header(16, 0xffff_ffff));
      const chunk = new Uint8Array(1024 * 1024);
      for (let i = 0; i < 4095; i++) parser.push(chunk);
      expect(parser.push(chunk.subarray(0, chunk.length - 1))).toEqual([]);
      expect(parser.bufferedBytes).toBe(0);
      expect(parser.idle).toBe(true);
      expect(feed(parser, echo('next'))).toEqual([seenEcho('next')]);
    });

    it('takes memory for the bytes that came, not for the size announced', () => {
      const parser = new PacketParser();
      parser.push(header(16, 60 * 1024 * 1024));
      expect(parser.bufferedBytes).toBeLessThanOrEqual(HEADER_BYTES + 16 * 1024);
      let received = 0;
      for (const size of [1, 100, 20_000, 70_000, 300_000]) {
        parser.push(new Uint8Array(size));
        received += size;
        expect(parser.bufferedBytes).toBeLessThanOrEqual(HEADER_BYTES + Math.max(16 * 1024, received * 4));
        expect(parser.bufferedBytes).toBeGreaterThanOrEqual(received);
      }
    });
  });

  describe('after a wrong magic', () => {
    it.each([
      ['its first byte', 'x'],
      ['its second byte', '\0r'],
      ['its third byte', '\0RF'],
      ['its fourth byte', '\0REX'],
      ['a whole header', '\0REPresresres'],
    ])('reports it at once when it has seen %s', (_what, text) => {
      const good = concat([echo('a'), frame(43, 'bc')]);
      const parser = new PacketParser();
      parser.push(good);
      const seen = parser.push(bytesOf(text));
      expect(seen).toEqual([
        expect.objectContaining({
          type: 'INVALID',
          offsetBytes: good.length,
          reason: expect.stringContaining('REQ'),
        }),
      ]);
      expect(parser.failed).toBe(true);
    });

    it('ignores all that follows', () => {
      const parser = new PacketParser();
      expect(parser.push(concat([bytesOf('GET / HTTP/1.1'), echo('x')])).map(({ type }) => type)).toEqual([
        'INVALID',
      ]);
      expect(parser.push(echo('x'))).toEqual([]);
      expect(parser.bufferedBytes).toBe(0);
    });

    it('reports it once, wherever the stream is cut', () => {
      const stream = concat([echo('a'), bytesOf('\0REJ'), echo('x')]);
      const expected = feed(new PacketParser(), stream);
      expect(expected).toHaveLength(2);
      for (const cut of everyByte(stream)) expect(feed(new PacketParser(), stream, [cut])).toEqual(expected);
      expect(feed(new PacketParser(), stream, everyByte(stream))).toEqual(expected);
    });
  });

  describe('consume', () => {
    it('stops before bytes that are no packet and tells how far it came', () => {
      const parser = new PacketParser();
      const stream = concat([echo('a'), echo('b'), bytesOf('text\n')]);
      const messages: { type: string }[] = [];
      const at = parser.consume(stream, 0, messages);
      expect(at).toBe(26);
      expect(messages.map(({ type }) => type)).toEqual(['ECHO_REQ', 'ECHO_REQ']);
      expect(parser.failed).toBe(false);
    });
  });
});
