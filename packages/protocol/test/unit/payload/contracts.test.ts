import {
  codecs,
  decodeInput,
  decodeOutput,
  defineFunction,
  defineRegistry,
  describeTasks,
  encodeChunk,
  encodeInput,
  encodeOutput,
  helpFunctionName,
  readChunks,
  type StandardSchema,
  ValidationError,
} from '@gearman/protocol/payload';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

const text = (bytes: unknown): string =>
  bytes instanceof Uint8Array ? Buffer.from(bytes).toString() : 'no bytes';

/** A schema of no library at all. */
function schema<T>(validate: StandardSchema<T>['~standard']['validate']): StandardSchema<T> {
  return { '~standard': { version: 1, vendor: 'test', validate } };
}

/** What it threw or rejected with. */
async function failureOf(action: () => unknown): Promise<ValidationError> {
  try {
    await action();
  } catch (error) {
    if (error instanceof ValidationError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

const order = defineFunction({
  name: 'order',
  input: z.object({ items: z.array(z.object({ price: z.number() })), currency: z.string().default('EUR') }),
  output: z.object({ total: z.number() }).transform(({ total }) => total),
});

describe('defineFunction()', () => {
  test('speaks JSON unless another codec is named', () => {
    expect(order.codec.contentType).toBe('application/json');
    expect(defineFunction({ name: 'f', codec: codecs.raw }).codec).toBe(codecs.raw);
  });

  test.each([
    ['an empty name', { name: '' }],
    ['a schema that is none', { name: 'f', input: { parse: () => 1 } }],
    ['a codec that is none', { name: 'f', codec: 'json' }],
    ['an unknown key', { name: 'f', inptu: z.string() }],
  ])('refuses %s', (_name, definition) => {
    expect(() => defineFunction(definition as { name: 'f' })).toThrow(
      expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }),
    );
  });

  test('cannot be changed afterwards', () => {
    expect(Object.isFrozen(order)).toBe(true);
  });
});

describe('defineRegistry()', () => {
  test('keeps contracts by the names of their functions', () => {
    expect(defineRegistry({ order }).order).toBe(order);
  });

  test('refuses a contract under another name', () => {
    // @ts-expect-error nor does it type-check
    expect(() => defineRegistry({ other: order })).toThrow(/"other" holds the contract of "order"/);
  });
});

describe('payloads of a contract', () => {
  test('travel as they were given, and the receiver gets what the schema makes of them', () => {
    const { bytes: sent } = encodeInput(order, { items: [] });
    expect(text(sent)).toBe('{"items":[]}');
    expect(decodeInput(order, sent)).toEqual({ items: [], currency: 'EUR' });
    const result = encodeOutput(order, { total: 7 });
    expect(text(result)).toBe('{"total":7}');
    expect(decodeOutput(order, result as Uint8Array)).toBe(7);
  });

  test('that break it are named with their place, at each of the four gates', async () => {
    const wrong = { items: [{ price: 1 }, { price: 'x' }] };
    const input = await failureOf(() => encodeInput(order, wrong));
    expect(input).toMatchObject({ code: 'ERR_GEARMAN_INVALID_INPUT', functionName: 'order', part: 'input' });
    expect(input.issues).toEqual([{ path: 'items[1].price', message: expect.stringContaining('number') }]);
    expect(input.message).toMatch(/^the client's input of "order" breaks the contract: items\[1\]\.price: /);
    const bytes = Buffer.from(JSON.stringify(wrong));
    expect(await failureOf(() => decodeInput(order, bytes))).toMatchObject({ message: input.message });
    const output = await failureOf(() => encodeOutput(order, {}));
    expect(output).toMatchObject({ code: 'ERR_GEARMAN_INVALID_OUTPUT', part: 'output' });
    expect(output.message).toMatch(/^the worker's result of "order" breaks the contract: total: /);
    expect(await failureOf(() => decodeOutput(order, Buffer.from('{}')))).toMatchObject({
      message: output.message,
    });
  });

  test('that the codec refuses say who sent them, how many bytes, and why', async () => {
    const error = await failureOf(() => decodeInput(order, Buffer.from('{oops')));
    expect(error.message).toMatch(
      /^the client's input of "order" \(5 bytes\) cannot be decoded: application\/json: cannot read the value: /,
    );
    expect(error).toMatchObject({ issues: [], cause: { code: 'ERR_GEARMAN_CODEC' } });
    const bare = defineFunction({ name: 'bare' });
    expect((await failureOf(() => encodeOutput(bare, 1n))).message).toMatch(
      /^the worker's result of "bare" cannot be encoded: application\/json: cannot write the value: /,
    );
  });

  test('that a codec of the application refuses name its media type', async () => {
    const codec = {
      contentType: 'text/odd',
      encode: () => new Uint8Array(0),
      decode: () => {
        throw new RangeError('odd');
      },
    };
    const odd = defineFunction({ name: 'odd', codec });
    const error = await failureOf(() => decodeOutput(odd, new Uint8Array(1)));
    expect(error.message).toContain('cannot be decoded: text/odd: odd');
    expect(error.cause).toBeInstanceOf(RangeError);
  });

  test('may be checked asynchronously', async () => {
    const even = defineFunction({
      name: 'even',
      input: z.number().refine(async (n) => n % 2 === 0, 'must be even'),
    });
    const sent = encodeInput(even, 2);
    expect(text(sent.bytes)).toBe('2');
    await sent.checked;
    await expect(decodeInput(even, Buffer.from('4'))).resolves.toBe(4);
    await expect(decodeInput(even, Buffer.from('5'))).rejects.toThrow(/must be even/);
    expect((await failureOf(() => encodeInput(even, 3).checked)).issues).toEqual([
      { path: '', message: 'must be even' },
    ]);
  });

  test('need no promise when the schema needs none', () => {
    expect(encodeInput(order, { items: [] }).checked).toBeUndefined();
    expect(encodeOutput(order, { total: 1 })).toBeInstanceOf(Uint8Array);
  });

  test.each([
    [
      'throws',
      (): never => {
        throw new TypeError('bug');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('bug'))],
  ])('fail with a typed error when a schema %s', async (_name, validate) => {
    const broken = defineFunction({ name: 'broken', input: schema(validate) });
    const error = await failureOf(() => encodeInput(broken, 1).checked);
    expect(error.message).toContain('could not be checked: bug');
    expect(error.cause).toBeInstanceOf(TypeError);
  });

  test('with many faults give a short message and all issues', async () => {
    const issues = Array.from({ length: 1000 }, (_, i) => ({
      message: 'x'.repeat(500),
      path: ['a', { key: i }, 'b.c'],
    }));
    const many = defineFunction({ name: 'many', input: schema(() => ({ issues })) });
    const error = await failureOf(() => encodeInput(many, 1));
    expect(error.issues).toHaveLength(1000);
    expect(error.issues[3]?.path).toBe('a[3].b.c');
    expect(error.message).toMatch(/; and 995 more$/);
    expect(error.message.length).toBeLessThan(1200);
  });
});

describe('chunks of a contract', () => {
  test('are values of their own when it has a schema for them', async () => {
    const crawl = defineFunction({ name: 'crawl', chunk: z.object({ url: z.string() }) });
    const read = readChunks(crawl);
    const part = encodeChunk(crawl, { url: 'a' }) as Uint8Array;
    expect(read?.(part, false)).toEqual([{ url: 'a' }]);
    expect(read?.(new Uint8Array(0), true)).toEqual([]);
    expect(await failureOf(() => encodeChunk(crawl, { url: 1 }))).toMatchObject({
      code: 'ERR_GEARMAN_INVALID_OUTPUT',
      part: 'chunk',
    });
    expect((await failureOf(() => read?.(Buffer.from('{"url":2}'), false))).message).toMatch(
      /^a chunk of the worker's result of "crawl" breaks the contract: url: /,
    );
    expect((await failureOf(() => read?.(Buffer.from('{'), false))).message).toContain(
      '(1 bytes) cannot be decoded',
    );
  });

  test('are pieces of text, lines or bytes when the codec can be cut anywhere', () => {
    const shout = defineFunction({ name: 'shout', codec: codecs.text() });
    const read = readChunks(shout);
    const [head, tail] = [Buffer.from('ä').subarray(0, 1), Buffer.from('ä').subarray(1)];
    expect([read?.(head, false), read?.(tail, false), read?.(Buffer.from('!'), true)]).toEqual([
      [],
      ['ä'],
      ['!'],
    ]);
    expect(text(encodeChunk(shout, 'ä'))).toBe('ä');
  });

  test('are bytes without a meaning for the others', async () => {
    expect(readChunks(order)).toBeUndefined();
    expect(encodeChunk(order, Buffer.from('{'))).toEqual(Buffer.from('{'));
    expect((await failureOf(() => encodeChunk(order, { total: 1 }))).message).toContain('must be bytes');
  });
});

describe('describeTasks()', () => {
  test('tells description, schemas and arguments', () => {
    const echo = defineFunction({
      name: 'myworker_echo',
      description: 'says it again',
      input: z.object({ text: z.string(), times: z.number().default(1) }),
      output: z.string(),
    });
    expect(describeTasks({ echo })).toMatchObject({
      echo: {
        description: 'says it again',
        input: { type: 'object', required: ['text'] },
        output: { type: 'string' },
        args: { text: { required: true }, times: { required: false, default: 1 } },
      },
    });
  });

  test('leaves out what a schema cannot say', () => {
    const task = defineFunction({ name: 't', input: schema((value) => ({ value })), output: z.date() });
    expect(JSON.stringify(describeTasks({ task }))).toBe('{"task":{}}');
  });

  test('is answered under a name of its own', () => {
    expect(helpFunctionName('mail')).toBe('mail_help');
    expect(helpFunctionName('mail', '.')).toBe('mail.help');
  });
});
