import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readAll, readLines, withoutLineFeed } from '../../src/byte-lines.ts';

async function* chunks(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

test('readLines() finds the same lines wherever the stream is cut, and loses no byte', async () => {
  const bytes = fc.uint8Array({ max: 12, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(bytes, fc.array(fc.nat(40), { maxLength: 6 }), async (all, cuts) => {
      const ends = [...new Set([...cuts, all.length])].sort((a, b) => a - b);
      const parts = ends.map((end, at) => all.subarray(ends[at - 1] ?? 0, end));
      const lines: Uint8Array[] = [];
      for await (const line of readLines(chunks(parts))) lines.push(line);
      expect(Buffer.concat(lines)).toEqual(Buffer.from(all));
      for (const line of lines.slice(0, -1)) expect(line.indexOf(10)).toBe(line.length - 1);
      expect(await readAll(chunks(parts))).toEqual(Buffer.from(all));
    }),
  );
});

test('withoutLineFeed() takes away one line feed, and nothing else', () => {
  const strip = (text: string): string => Buffer.from(withoutLineFeed(Buffer.from(text))).toString();
  expect(['a\n', 'a', 'a\n\n', '\n', ''].map(strip)).toEqual(['a', 'a', 'a\n', '', '']);
});
