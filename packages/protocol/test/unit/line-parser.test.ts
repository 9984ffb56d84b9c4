import { DEFAULT_MAX_LINE_BYTES, LineParser } from '@gearman/protocol';
import { describe, expect, it } from 'vitest';
import { bytesOf, everyByte, feed } from '../helpers.ts';

const lines = (parser: LineParser, text: string): string[] =>
  parser.push(bytesOf(text)).map((message) => (message.type === 'TEXT' ? message.line : message.type));

describe('LineParser', () => {
  it('ends a line at LF and drops one CR right before it', () => {
    expect(lines(new LineParser(), 'a\nb\r\n\n\r\nc\r\r\n d \n')).toEqual(['a', 'b', '', '', 'c\r', ' d ']);
  });

  it('keeps a CR that stands elsewhere', () => {
    expect(lines(new LineParser(), '\ra\rb\n')).toEqual(['\ra\rb']);
  });

  it('returns the same lines wherever the stream is cut', () => {
    const stream = bytesOf('status\r\n\r\nshow jobs\n\r\r\n.\n');
    const expected = feed(new LineParser(), stream);
    expect(expected).toHaveLength(5);
    for (const cut of everyByte(stream)) expect(feed(new LineParser(), stream, [cut])).toEqual(expected);
    expect(feed(new LineParser(), stream, everyByte(stream))).toEqual(expected);
  });

  it('carries every byte', () => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i)).replace('\n', '');
    expect(lines(new LineParser(), `${all}\n`)).toEqual([all]);
  });

  it('holds an unfinished line and says so', () => {
    const parser = new LineParser();
    expect(parser.idle).toBe(true);
    expect(lines(parser, 'stat')).toEqual([]);
    expect(parser.idle).toBe(false);
    expect(parser.bufferedBytes).toBe(4);
    expect(lines(parser, 'us\n')).toEqual(['status']);
    expect(parser.idle).toBe(true);
    expect(parser.bufferedBytes).toBe(0);
    expect(parser.offsetBytes).toBe(7);
  });

  it.each(['\n', '\r\n'])('accepts a line of maxLineBytes that ends with %j, and none longer', (end) => {
    const longest = 'x'.repeat(10);
    const tooLong = { type: 'INVALID', offsetBytes: 11, reason: 'a text line is longer than 10 bytes' };
    for (const step of [1, 3, 100]) {
      const parser = new LineParser({ maxLineBytes: 10 });
      const stream = bytesOf(`${longest}\n${longest}${end}`);
      const cuts = everyByte(stream).filter((at) => at % step === 0);
      expect(feed(parser, stream, cuts)).toHaveLength(2);
    }
    for (const step of [1, 3, 100]) {
      const parser = new LineParser({ maxLineBytes: 10 });
      const stream = bytesOf(`${longest}\n${longest}x${end}next\n`);
      const cuts = everyByte(stream).filter((at) => at % step === 0);
      expect(feed(parser, stream, cuts).map((json) => JSON.parse(json))).toEqual([
        { type: 'TEXT', line: longest },
        tooLong,
      ]);
      expect(parser.failed).toBe(true);
      expect(parser.bufferedBytes).toBe(0);
    }
  });

  it('gives up on a line that never ends as soon as it is too long', () => {
    const parser = new LineParser();
    expect(lines(parser, 'x'.repeat(DEFAULT_MAX_LINE_BYTES + 1))).toEqual([]);
    expect(lines(parser, 'x')).toEqual(['INVALID']);
    expect(lines(parser, '\nstatus\n')).toEqual([]);
  });
});
