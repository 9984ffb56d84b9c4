import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Candidate, createChooser, type Strategy } from '../../src/strategies.ts';

const candidates = (names: string, down = ''): Candidate[] =>
  [...names].map((server) => ({ server, ready: !down.includes(server) }));

const choose = (strategy: Strategy, times: number, list: Candidate[], uniqueId?: string): string => {
  const chooser = createChooser(strategy);
  return Array.from({ length: times }, () => chooser(list, uniqueId)?.server ?? '-').join('');
};

describe('createChooser', () => {
  test.each([
    ['round-robin', 'abc', '', undefined, 'abcabcabc'],
    ['round-robin', 'abc', 'b', undefined, 'acacacaca'],
    ['round-robin', 'abc', 'b', 'an id', 'acacacaca'],
    ['auto', 'abc', '', undefined, 'abcabcabc'],
    ['auto', 'abc', '', '', 'abcabcabc'],
    ['first', 'abc', '', undefined, 'aaaaaaaaa'],
    ['first', 'abc', 'a', 'an id', 'bbbbbbbbb'],
    ['first', 'abc', 'abc', undefined, '---------'],
    ['auto', 'abc', 'abc', 'an id', '---------'],
    ['round-robin', 'abc', 'abc', undefined, '---------'],
  ] as const)('%s over %s without "%s" for unique id %s gives %s', (strategy, names, down, id, chosen) => {
    expect(choose(strategy, 9, candidates(names, down), id)).toBe(chosen);
  });

  const servers = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 8 });
  const uniqueId = fc.string({ minLength: 1 });
  const chosen = (names: readonly string[], id: string): string | undefined =>
    createChooser('auto')(
      names.map((server) => ({ server, ready: true })),
      id,
    )?.server;

  test('auto sends a unique id to the same server whatever the order of the list', () => {
    fc.assert(
      fc.property(servers, uniqueId, (names, id) => {
        expect(chosen(names.toReversed(), id)).toBe(chosen(names, id));
      }),
    );
  });

  test('auto moves only the unique ids of a server that leaves', () => {
    fc.assert(
      fc.property(servers, uniqueId, fc.nat(), (names, id, at) => {
        const gone = names[at % names.length];
        const before = chosen(names, id);
        const after = chosen(
          names.filter((name) => name !== gone),
          id,
        );
        if (before !== gone) expect(after).toBe(before);
      }),
    );
  });

  test('auto spreads unique ids over the servers, also ids that differ in their last letters', () => {
    const counts = new Map<string | undefined, number>();
    for (let i = 0; i < 3000; i++) {
      const server = chosen(['10.0.0.1:4730', '10.0.0.2:4730', '10.0.0.3:4730'], `job-${i}`);
      counts.set(server, (counts.get(server) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(count).toBeGreaterThan(800);
    expect(counts.size).toBe(3);
  });
});
