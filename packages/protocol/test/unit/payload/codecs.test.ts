import { randomBytes } from 'node:crypto';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { type AnyCodec, type Codec, CodecError, codecs } from '@gearman/protocol/payload';
import * as msgpackLibrary from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const key = randomBytes(32);
const bytesOf = (text: string): Uint8Array => Buffer.from(text);

/** A value as JSON and MessagePack have it: no `undefined`, no -0, and no key that libraries refuse. */
const plainValue = fc
  .jsonValue({ stringUnit: 'grapheme' })
  .map((value) => JSON.stringify(value))
  .filter((json) => !json.includes('"__proto__"'))
  .map((json) => JSON.parse(json) as unknown);
const wellFormed = fc.string({ unit: 'binary' });

interface Case {
  readonly name: string;
  readonly codec: AnyCodec;
  readonly values: fc.Arbitrary<unknown>;
}

const CASES: readonly Case[] = [
  { name: 'raw', codec: codecs.raw, values: fc.uint8Array() },
  { name: 'text', codec: codecs.text(), values: wellFormed },
  { name: 'text(utf16le)', codec: codecs.text('utf16le'), values: wellFormed },
  { name: 'text(latin1)', codec: codecs.text('latin1'), values: latin1() },
  { name: 'json', codec: codecs.json(), values: plainValue },
  { name: 'ndjson', codec: codecs.ndjson(), values: fc.array(plainValue) },
  { name: 'msgpack', codec: codecs.msgpack(msgpackLibrary), values: plainValue },
  {
    name: 'compressed(json)',
    codec: codecs.compressed(codecs.json(), { thresholdBytes: 0 }),
    values: plainValue,
  },
  {
    name: 'compressed(text, brotli)',
    codec: codecs.compressed(codecs.text(), { algorithm: 'brotli', thresholdBytes: 20 }),
    values: wellFormed,
  },
  {
    name: 'encrypted(compressed(json, deflate))',
    codec: codecs.encrypted(codecs.compressed(codecs.json(), { algorithm: 'deflate', thresholdBytes: 8 }), {
      keys: { a: key },
    }),
    values: plainValue,
  },
  {
    name: 'envelope(json)',
    codec: codecs.envelope(codecs.json()),
    values: fc.record({ headers: fc.dictionary(wellFormed, wellFormed), value: plainValue }),
  },
];

function latin1(): fc.Arbitrary<string> {
  return fc.array(fc.nat({ max: 255 })).map((codes) => String.fromCharCode(...codes));
}

describe.each(CASES)('$name', ({ codec, values }) => {
  test('decodes what it encoded', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(codec.decode(codec.encode(value))).toEqual(value);
      }),
    );
  });

  test('does not change the bytes it decodes, and bears bytes in the middle of a buffer', () => {
    fc.assert(
      fc.property(values, (value) => {
        const encoded = codec.encode(value);
        const around = Buffer.concat([bytesOf('xxx'), encoded, bytesOf('yyy')]);
        const middle = new Uint8Array(around.buffer, around.byteOffset + 3, encoded.length);
        expect(codec.decode(middle)).toEqual(value);
        expect(Buffer.from(middle).equals(encoded)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('never throws anything but a CodecError at bytes of others', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          codec.decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
        }
      }),
    );
  });
});

/** What comes of a stream of bytes that is cut at these places. */
function chunksOf<C>(codec: Codec<unknown, C>, stream: Uint8Array, cuts: readonly number[]): C[] {
  const decode = codec.decodeChunks?.();
  if (decode === undefined) throw new Error('the codec has no chunks');
  const edges = [0, ...cuts, stream.length];
  return edges.slice(1).flatMap((end, i) => decode(stream.subarray(edges[i], end), i === edges.length - 2));
}

const cutsOf = (length: number): fc.Arbitrary<number[]> =>
  fc.array(fc.nat({ max: length }), { maxLength: 12 }).map((cuts) => cuts.toSorted((a, b) => a - b));

describe('chunks', () => {
  test('of text are the text, wherever characters are cut', () => {
    for (const codec of [codecs.text(), codecs.text('utf16le')]) {
      const textAndCuts = wellFormed.chain((text) =>
        fc.record({ text: fc.constant(text), cuts: cutsOf(codec.encode(text).length) }),
      );
      fc.assert(
        fc.property(textAndCuts, ({ text, cuts }) => {
          expect(chunksOf(codec, codec.encode(text), cuts).join('')).toBe(text);
        }),
      );
    }
  });

  test('of text come out character by character when the bytes come one by one', () => {
    const stream = bytesOf('aä€😀');
    const cuts = Array.from({ length: stream.length }, (_, i) => i);
    expect(chunksOf(codecs.text(), stream, cuts)).toEqual(['a', 'ä', '€', '😀']);
  });

  test('of ndjson are its items, wherever lines are cut', () => {
    const codec = codecs.ndjson();
    const itemsAndCuts = fc.array(plainValue, { maxLength: 6 }).chain((items) => {
      const stream = codec.encode(items);
      return fc.record({
        items: fc.constant(items),
        stream: fc.constant(stream),
        cuts: cutsOf(stream.length),
      });
    });
    fc.assert(
      fc.property(itemsAndCuts, ({ items, stream, cuts }) => {
        expect(chunksOf(codec, stream, cuts)).toEqual(items);
      }),
    );
  });

  test('of raw are the bytes', () => {
    const streamAndCuts = fc
      .uint8Array()
      .chain((stream) => fc.record({ stream: fc.constant(stream), cuts: cutsOf(stream.length) }));
    fc.assert(
      fc.property(streamAndCuts, ({ stream, cuts }) => {
        expect(Buffer.concat(chunksOf(codecs.raw, stream, cuts)).equals(stream)).toBe(true);
      }),
    );
  });

  test('that a codec encodes one by one are the whole when joined', () => {
    const items = [1, 'zwei', { drei: [3] }];
    const { encodeChunk = codecs.json().encode } = codecs.ndjson();
    expect(codecs.ndjson().decode(Buffer.concat(items.map((item) => encodeChunk(item))))).toEqual(items);
  });

  test.each([2 ** 16, 2 ** 20])('may be cut around %i bytes', (size) => {
    for (const length of [size - 1, size, size + 1]) {
      const text = `${'€'.repeat(Math.floor(length / 3))}${'x'.repeat(length % 3)}`;
      const stream = codecs.text().encode(text);
      expect(stream).toHaveLength(length);
      for (const cut of [1, 2 ** 16 - 1, 2 ** 16, length - 1]) {
        expect(chunksOf(codecs.text(), stream, [Math.min(cut, length)]).join('') === text).toBe(true);
      }
    }
  });
});

test.each([
  ['compressed', codecs.compressed(codecs.raw)],
  ['encrypted', codecs.encrypted(codecs.raw, { keys: { a: key } })],
  ['envelope', codecs.envelope(codecs.raw)],
] as [string, AnyCodec][])('%s carries payloads around 2^16 and 2^20 bytes', (name, codec) => {
  for (const size of [2 ** 16, 2 ** 20]) {
    for (const length of [size - 1, size, size + 1]) {
      const bytes = Buffer.alloc(length, 'gearman');
      const value = name === 'envelope' ? { headers: {}, value: bytes } : bytes;
      const decoded = codec.decode(codec.encode(value));
      const back = name === 'envelope' ? (decoded as { value: Uint8Array }).value : decoded;
      expect(bytes.equals(back as Uint8Array)).toBe(true);
    }
  }
});

test.each([
  codecs.raw,
  codecs.text(),
  codecs.json(),
  codecs.ndjson(),
  codecs.msgpack(msgpackLibrary),
] as AnyCodec[])('undefined is no bytes ($contentType)', (codec) => {
  expect(codec.encode(undefined)).toHaveLength(0);
});

test('no bytes are undefined in json and msgpack, and empty in the others', () => {
  const empty = new Uint8Array(0);
  expect(codecs.json().decode(empty)).toBeUndefined();
  expect(codecs.msgpack(msgpackLibrary).decode(empty)).toBeUndefined();
  expect(codecs.text().decode(empty)).toBe('');
  expect(codecs.ndjson().decode(empty)).toEqual([]);
  expect(codecs.compressed(codecs.json()).decode(empty)).toBeUndefined();
});

describe('text', () => {
  test('says what it takes', () => {
    const codec: AnyCodec = codecs.text();
    expect(() => codec.encode({ a: 1 })).toThrow(/text\/plain; charset=utf-8: takes a string, not an object/);
  });

  test('refuses an encoding that does not exist', () => {
    // @ts-expect-error nor does it type-check
    expect(() => codecs.text('klingon')).toThrow(
      expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }),
    );
  });
});

describe('json', () => {
  test('revives and replaces', () => {
    const codec = codecs.json<{ at: Date }>({
      reviver: (key, value) => (key === 'at' ? new Date(String(value)) : value),
    });
    const at = new Date(0);
    expect(codec.decode(codec.encode({ at }))).toEqual({ at });
    expect(codecs.json({ replacer: (_, value) => (value === 1 ? 2 : value) }).encode([1])).toEqual(
      bytesOf('[2]'),
    );
  });

  test.each([
    ['a cycle', cycle(), /circular/i],
    ['a bigint', 1n, /BigInt/],
    ['a function', () => {}, /no JSON for a function/],
  ])('refuses %s', (_name, value, message) => {
    expect(() => codecs.json().encode(value)).toThrow(message);
  });

  test('refuses bytes that are not UTF-8 instead of guessing', () => {
    expect(() => codecs.json().decode(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(/not UTF-8/);
  });
});

function cycle(): object {
  const value: { self?: object } = {};
  value.self = value;
  return value;
}

describe('ndjson', () => {
  test('skips blank lines and takes a last line without its end', () => {
    expect(codecs.ndjson().decode(bytesOf('1\r\n\r\n \n\n{"a":2}'))).toEqual([1, { a: 2 }]);
  });

  test('stops at a line that is too long, before it is complete', () => {
    const decode = codecs.ndjson({ maxLineBytes: 10 }).decodeChunks?.();
    expect(decode?.(bytesOf('"1234567'), false)).toEqual([]);
    expect(() => decode?.(bytesOf('890'), false)).toThrow(/longer than maxLineBytes, 10 bytes/);
  });

  test.each([0, 1.5, Number.NaN])('refuses %d as maxLineBytes', (maxLineBytes) => {
    expect(() => codecs.ndjson({ maxLineBytes })).toThrow(/maxLineBytes/);
  });
});

describe('compressed', () => {
  const text = 'gearman '.repeat(1000);

  test.each(['gzip', 'deflate', 'brotli'] as const)(
    'makes payloads smaller (%s), whichever the reader writes',
    (algorithm) => {
      const packed = codecs.compressed(codecs.text(), { algorithm }).encode(text);
      expect(packed.length).toBeLessThan(text.length / 20);
      expect(codecs.compressed(codecs.text()).decode(packed)).toBe(text);
    },
  );

  test('leaves small payloads, and those that only grow, as they are', () => {
    expect(codecs.compressed(codecs.text()).encode('abc')).toEqual(Buffer.from('\0abc'));
    const noise = randomBytes(5000);
    expect(codecs.compressed(codecs.raw).encode(noise)).toHaveLength(5001);
  });

  test.each([
    ['gzip', Buffer.concat([Buffer.of(1), gzipSync(Buffer.alloc(50_000_000))])],
    ['brotli', Buffer.concat([Buffer.of(3), brotliCompressSync(Buffer.alloc(5_000_000))])],
    ['nothing', Buffer.alloc(2_000_001)],
  ])('stops at a bomb of %s', (_name, bomb) => {
    const codec = codecs.compressed(codecs.raw, { maxOutputBytes: 2_000_000 - 1 });
    expect(() => codec.decode(bomb)).toThrow(/more than maxOutputBytes, 1999999 bytes/);
  });

  test('unpacks up to its limit, inclusive', () => {
    const codec = codecs.compressed(codecs.raw, { maxOutputBytes: 100_000 });
    expect(codec.decode(codec.encode(Buffer.alloc(100_000)))).toHaveLength(100_000);
    expect(() => codec.decode(codec.encode(Buffer.alloc(100_001)))).toThrow(CodecError);
  });

  test('says when the sender has another codec', () => {
    expect(() => codecs.compressed(codecs.json()).decode(bytesOf('{}'))).toThrow(/starts with byte 123/);
    expect(() => codecs.compressed(codecs.json()).decode(Uint8Array.of(1, 2, 3))).toThrow(/cannot unpack/);
  });

  test.each([{ thresholdBytes: -1 }, { maxOutputBytes: 0 }, { algorithm: 'rar' as 'gzip' }])(
    'refuses %o',
    (options) => {
      expect(() => codecs.compressed(codecs.raw, options)).toThrow(
        expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }),
      );
    },
  );
});

describe('encrypted', () => {
  const keys = { old: randomBytes(32), new: randomBytes(32) };
  const secret = 'attack at dawn';

  test('shows nothing of the value, and never writes the same bytes twice', () => {
    const codec = codecs.encrypted(codecs.text(), { keys: { a: key } });
    const [first, second] = [codec.encode(secret), codec.encode(secret)];
    expect(Buffer.from(first).includes('attack')).toBe(false);
    expect(Buffer.from(first).equals(second)).toBe(false);
    expect(codec.decode(first)).toBe(secret);
  });

  test('reads with every key it has and writes with one, so that keys can be changed', () => {
    const before = codecs.encrypted(codecs.text(), { keys: { old: keys.old } });
    const during = codecs.encrypted(codecs.text(), { keys, keyId: 'new' });
    const after = codecs.encrypted(codecs.text(), { keys: { new: keys.new } });
    expect(during.decode(before.encode(secret))).toBe(secret);
    expect(after.decode(during.encode(secret))).toBe(secret);
    expect(() => after.decode(before.encode(secret))).toThrow(
      /encrypted with key "old", which is not among the keys/,
    );
  });

  test('notices every changed, added or missing byte', () => {
    const codec = codecs.encrypted(codecs.text(), { keys: { a: key } });
    const payload = codec.encode(secret);
    for (let i = 0; i < payload.length; i++) {
      const changed = Uint8Array.from(payload);
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(() => codec.decode(changed), `byte ${i}`).toThrow(CodecError);
      expect(() => codec.decode(payload.subarray(0, i)), `${i} bytes`).toThrow(CodecError);
    }
    expect(() => codec.decode(Buffer.concat([payload, Buffer.of(0)]))).toThrow(/changed on the way/);
  });

  test('does not take no bytes for no value', () => {
    const codec = codecs.encrypted(codecs.json(), { keys: { a: key } });
    expect(() => codec.decode(new Uint8Array(0))).toThrow(/not encrypted/);
    expect(codec.decode(codec.encode(undefined))).toBeUndefined();
  });

  test('keeps its keys when the caller wipes them', () => {
    const own = randomBytes(32);
    const copy = Buffer.from(own);
    const codec = codecs.encrypted(codecs.text(), { keys: { a: own } });
    own.fill(0);
    const reader = codecs.encrypted(codecs.text(), { keys: { a: copy } });
    expect(reader.decode(codec.encode(secret))).toBe(secret);
  });

  test.each([
    ['no key', { keys: {} }, /no key/],
    ['a short key', { keys: { a: randomBytes(16) } }, /must be 32 bytes.*not 16 bytes/],
    ['an empty key id', { keys: { '': key } }, /1 to 255/],
    ['two keys and no choice', { keys }, /keyId/],
    ['a choice that is no key', { keys, keyId: 'x' }, /no key "x"/],
  ])('refuses %s', (_name, options, message) => {
    expect(() => codecs.encrypted(codecs.raw, options)).toThrow(message);
  });
});

describe('envelope', () => {
  const codec = codecs.envelope(codecs.text());

  test('carries headers before the value', () => {
    const bytes = codec.encode({ headers: { trace: 'abc' }, value: 'hi' });
    expect(Buffer.from(bytes).toString('latin1')).toBe('\0\0\0\x0f{"trace":"abc"}hi');
  });

  test.each([
    ['nothing', ''],
    ['a value without envelope', 'hello world'],
    ['a length beyond the end', '\0\0\0\x0f{}'],
    ['headers that are no object', '\0\0\0\x02[]'],
    ['a header that is no text', '\0\0\0\x07{"a":1}'],
  ])('refuses %s', (_name, bytes) => {
    expect(() => codec.decode(Buffer.from(bytes, 'latin1'))).toThrow(CodecError);
  });

  test('has a limit for its headers', () => {
    expect(() => codec.encode({ headers: { a: 'x'.repeat(70_000) }, value: '' })).toThrow(/at most 65536/);
  });
});
