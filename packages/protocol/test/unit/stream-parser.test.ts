import { type StreamMessage, StreamParser } from '@gearman/protocol';
import { describe, expect, it } from 'vitest';
import { bytesOf, concat, everyByte, feed, frame, header, show } from '../helpers.ts';

const text = (line: string) => show({ type: 'TEXT', line });
const echo = (data: string) => show({ type: 'ECHO_REQ', magic: 'REQ', data: { bytes: data } });

describe('StreamParser', () => {
  it('decides anew for each message whether it is a packet or a line', () => {
    const stream = concat([
      bytesOf('status\n'),
      frame(16, 'line\n'),
      frame(16, ''),
      bytesOf('version\r\n\n'),
      frame(16, '\0REQ'),
      bytesOf('REQ\n'),
    ]);
    const expected = [
      text('status'),
      echo('line\n'),
      echo(''),
      text('version'),
      text(''),
      echo('\0REQ'),
      text('REQ'),
    ];
    expect(feed(new StreamParser(), stream)).toEqual(expected);
    for (const cut of everyByte(stream)) expect(feed(new StreamParser(), stream, [cut])).toEqual(expected);
    expect(feed(new StreamParser(), stream, everyByte(stream))).toEqual(expected);
  });

  it('stops when it has made as many messages as wanted, and goes on behind them', () => {
    const stream = concat([
      frame(16, 'a'),
      frame(16, 'b'),
      bytesOf('status\n'),
      frame(16, 'c'),
      bytesOf('x'),
    ]);
    const parser = new StreamParser();
    const portions: string[][] = [];
    for (let at = 0; at < stream.length; ) {
      const messages: StreamMessage[] = [];
      at = parser.pushSome(stream, at, messages, 2);
      portions.push(messages.map(show));
    }
    expect(portions).toEqual([[echo('a'), echo('b')], [text('status'), echo('c')], []]);
    expect(parser.bufferedBytes).toBe(1);
  });

  it('keeps a NUL inside a line that has begun', () => {
    const stream = bytesOf('a\0REQ\n');
    expect(feed(new StreamParser(), stream)).toEqual([text('a\0REQ')]);
    expect(feed(new StreamParser(), stream, everyByte(stream))).toEqual([text('a\0REQ')]);
  });

  it('skips an oversize packet between lines', () => {
    const stream = concat([bytesOf('a\n'), frame(16, 'status\nstatus\n'), bytesOf('b\n')]);
    const expected = [text('a'), expect.stringContaining('OVERSIZE'), text('b')];
    expect(feed(new StreamParser({ maxPacketBytes: 3 }), stream)).toEqual(expected);
    expect(feed(new StreamParser({ maxPacketBytes: 3 }), stream, everyByte(stream))).toEqual(expected);
  });

  it('tells where in the stream bad bytes start, counting both kinds', () => {
    const good = concat([bytesOf('status\r\n'), frame(16, 'x'), bytesOf('version\n'), frame(43, 'yy')]);
    for (const bad of ['\0bad', 'x'.repeat(20)]) {
      const stream = concat([good, bytesOf(bad)]);
      const expected = show({ type: 'INVALID', offsetBytes: good.length });
      for (const cuts of [[], everyByte(stream), ...everyByte(stream).map((cut) => [cut])]) {
        const parser = new StreamParser({ maxLineBytes: 10 });
        const last = JSON.parse(feed(parser, stream, cuts).at(-1) ?? '{}');
        expect(show({ type: last.type, offsetBytes: last.offsetBytes })).toBe(expected);
        expect(parser.failed).toBe(true);
        expect(parser.push(bytesOf('status\n'))).toEqual([]);
      }
    }
  });

  it('is idle between messages and counts what it holds', () => {
    const parser = new StreamParser();
    expect([parser.idle, parser.bufferedBytes]).toEqual([true, 0]);
    parser.push(bytesOf('stat'));
    expect([parser.idle, parser.bufferedBytes]).toEqual([false, 4]);
    parser.push(bytesOf('us\n'));
    expect([parser.idle, parser.bufferedBytes]).toEqual([true, 0]);
    parser.push(header(16, 3).subarray(0, 5));
    expect([parser.idle, parser.bufferedBytes]).toEqual([false, 5]);
    parser.push(concat([header(16, 3).subarray(5), bytesOf('ab')]));
    expect([parser.idle, parser.bufferedBytes]).toEqual([false, 15]);
    parser.push(bytesOf('c'));
    expect([parser.idle, parser.bufferedBytes]).toEqual([true, 0]);
  });

  describe('with the option handOver', () => {
    const handOver = { types: ['SUBMIT_JOB', 'SUBMIT_JOB_BG'], fromBytes: 10 } as const;
    const submit = (code: number, workload: string) => frame(code, `f\0\0${workload}`);
    const stream = concat([
      submit(7, 'small'),
      bytesOf('status\n'),
      submit(7, '7890'),
      frame(16, 'larger than 10 bytes'),
      submit(18, '7890\0REQ\n'),
      bytesOf('version\n'),
    ]);

    /** Everything in the stream; bodies that were handed over as the text that the caller has read. */
    function read(pieces: readonly Uint8Array[]): unknown[] {
      const parser = new StreamParser({ handOver });
      const found: unknown[] = [];
      let left = 0;
      let body = '';
      for (const piece of pieces) {
        let at = 0;
        while (at < piece.length) {
          if (left > 0) {
            const part = piece.subarray(at, at + left);
            body += Buffer.from(part).toString('latin1');
            at += part.length;
            left -= part.length;
            if (left === 0) found.push(body);
            continue;
          }
          const messages: StreamMessage[] = [];
          at = parser.pushSome(piece, at, messages, Number.POSITIVE_INFINITY);
          found.push(...messages.map(show));
          const head = parser.takeOver();
          if (head === undefined) continue;
          found.push(`${head.magic} ${head.type}`);
          left = head.sizeBytes;
          body = '';
        }
      }
      expect([parser.idle, parser.bufferedBytes]).toEqual([true, 0]);
      return found;
    }

    it('stops behind the headers of these packets, from this size on, wherever the stream is cut', () => {
      const expected = [
        show({
          type: 'SUBMIT_JOB',
          magic: 'REQ',
          functionName: 'f',
          uniqueId: '',
          workload: { bytes: 'small' },
        }),
        text('status'),
        show({
          type: 'SUBMIT_JOB',
          magic: 'REQ',
          functionName: 'f',
          uniqueId: '',
          workload: { bytes: '7890' },
        }),
        echo('larger than 10 bytes'),
        'REQ SUBMIT_JOB_BG',
        'f\0\x007890\0REQ\n',
        text('version'),
      ];
      expect(read([stream])).toEqual(expected);
      for (const cut of everyByte(stream)) {
        expect(read([stream.subarray(0, cut), stream.subarray(cut)])).toEqual(expected);
      }
      expect(read([...stream].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
    });

    it('still reports what is too large, and keeps responses', () => {
      const parser = new StreamParser({ handOver, maxPacketBytes: 20 });
      expect(parser.push(submit(7, 'x'.repeat(30)))).toEqual([
        expect.objectContaining({ type: 'OVERSIZE', packetType: 'SUBMIT_JOB' }),
      ]);
      const response = submit(7, 'x'.repeat(10));
      response[3] = 'S'.charCodeAt(0);
      expect(parser.push(response)).toEqual([expect.objectContaining({ type: 'SUBMIT_JOB', magic: 'RES' })]);
      expect(parser.takeOver()).toBeUndefined();
    });
  });
});
