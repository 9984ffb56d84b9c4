import { type OptionsSchema, parseOptions } from '@gearman/events';
import { describe, expect, it } from 'vitest';

type Issues = readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
const refusing = (issues: Issues): OptionsSchema<never> => ({
  safeParse: () => ({ success: false, error: { issues } }),
});

describe('parseOptions', () => {
  it('returns what the schema made of the input', () => {
    const schema: OptionsSchema<string> = {
      safeParse: (input) => ({ success: true, data: `parsed ${input}` }),
    };
    expect(parseOptions(schema, 'x', 'f()', (message) => new Error(message))).toBe('parsed x');
  });

  it('names every wrong option in one error of the caller', () => {
    const schema = refusing([
      { path: ['servers', 0, 'port'], message: 'must be a number' },
      { path: [], message: 'unknown key "sever"' },
    ]);
    expect(() => parseOptions(schema, {}, 'createClient()', (message) => new RangeError(message))).toThrow(
      new RangeError('createClient(): servers.0.port: must be a number; unknown key "sever"'),
    );
  });
});
