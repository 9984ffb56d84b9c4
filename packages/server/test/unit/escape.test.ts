import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeLine, escapeName } from '../../src/text/escape.ts';

const readBack = (text: string): string =>
  text.replaceAll(/\\x([0-9a-fA-F]{2})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );

const awkward = fc.string({
  unit: fc.constantFrom('\\', 'x', '0', 'a', 'F', '9', '\t', '\n', '\r', '\0', ' ', '.', 'z', '\u00e9'),
});

test('every name reads back as itself, and holds nothing that would break a line', () => {
  fc.assert(
    fc.property(awkward, fc.boolean(), (name, alsoBlanks) => {
      const escaped = escapeName(name, alsoBlanks);
      expect(readBack(escaped)).toBe(name);
      expect(escaped).not.toMatch(alsoBlanks ? /[\t\n\r\0 ]/ : /[\t\n\r\0]/);
      expect(readBack(escapeLine(name))).toBe(name);
      expect(escapeLine(name)).not.toBe('.');
    }),
    { numRuns: 2000 },
  );
});

test('leaves names as people write them alone', () => {
  for (const name of ['resize-image', 'App\\Job\\Mail', 'caf\u00c3\u00a9', 'a b', '\\x', '\\xy1'])
    expect(escapeName(name)).toBe(name);
});
