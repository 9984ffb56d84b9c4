import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Candidate, createChooser, type Strategy } from '../../src/strategies.ts';

const HOST = { random: () => 0.5, onError: () => {} };

const candidates = (names: string, down = ''): Candidate[] =>
  [...names].map((server) => ({
    server,
    available: !down.includes(server),
    healthy: !down.includes(server),
    pending: 0,
  }));

const choose = (strategy: Strategy, times: number, list: Candidate[], uniqueId?: string): string => {
  const chooser = createChooser(strategy, HOST);
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
    ['random', 'abc', '', undefined, 'bbbbbbbbb'],
    ['random', 'abc', 'b', undefined, 'ccccccccc'],
    ['least-pending', 'abc', '', undefined, 'abcabcabc'],
    ['least-pending', 'abc', 'b', 'an id', 'acacacaca'],
    ['hash-unique', 'abc', '', undefined, 'abcabcabc'],
    ['hash-unique', 'abc', 'abc', 'an id', '---------'],
  ] as const)('%s over %s without "%s" for unique id %s gives %s', (strategy, names, down, id, chosen) => {
    expect(choose(strategy, 9, candidates(names, down), id)).toBe(chosen);
  });

  test('least-pending takes the one with the fewest requests without an answer', () => {
    const list = candidates('abc').map((each, at) => ({ ...each, pending: [2, 1, 3][at] ?? 0 }));
    expect(choose('least-pending', 3, list)).toBe('bbb');
  });

  test.each([
    'auto',
    'round-robin',
    'first',
    'random',
    'least-pending',
    'hash-unique',
    () => undefined,
  ] as const)('%s passes over a server that is not healthy, unless none is', (strategy) => {
    const list = candidates('abc').map((each) => ({ ...each, healthy: each.server === 'c' }));
    expect(choose(strategy, 4, list, 'an id')).toBe('cccc');
    const bad = candidates('abc').map((each) => ({ ...each, healthy: false }));
    expect(choose(strategy, 4, bad, 'an id')).toMatch(/^[abc]{4}$/);
  });

  test('hash-unique sends jobs without an id to the server of their function, auto does not', () => {
    const list = candidates('abcdefgh');
    const of = (strategy: Strategy): Set<string | undefined> => {
      const chooser = createChooser(strategy, HOST);
      return new Set(Array.from({ length: 8 }, () => chooser(list, undefined, 'resize')?.server));
    };
    expect(of('hash-unique').size).toBe(1);
    expect(of('auto').size).toBe(8);
  });

  test('equal unique ids of different functions belong to different servers, in the long run', () => {
    const chooser = createChooser('auto', HOST);
    const list = candidates('abc');
    const same = Array.from({ length: 300 }, (_, i) => i).filter(
      (i) => chooser(list, `${i}`, 'one')?.server === chooser(list, `${i}`, 'two')?.server,
    );
    expect(same.length).toBeGreaterThan(50);
    expect(same.length).toBeLessThan(150);
  });

  test('auto scores as documented, so that other languages can choose the same server', () => {
    const list = ['10.0.0.1:4730', '10.0.0.2:4730', '10.0.0.3:4730'].map((server) => ({
      ...candidates('a')[0],
      server,
    })) as Candidate[];
    const chooser = createChooser('auto', HOST);
    const score = (server: string, key: string): bigint => mix(mix(fnv(server)) ^ fnv(key));
    for (let i = 0; i < 50; i++) {
      const best = list.toSorted((a, b) =>
        Number(score(b.server, `resize\0${i}`) - score(a.server, `resize\0${i}`)),
      )[0];
      expect(chooser(list, `${i}`, 'resize')?.server).toBe(best?.server);
    }
  });

  test('a function chooses among those that can be used, and hears what for', () => {
    const heard: string[] = [];
    const strategy: Strategy = (list, { uniqueId, functionName }) => {
      heard.push(`${list.map(({ server }) => server).join('')} ${uniqueId} ${functionName}`);
      return list.at(-1);
    };
    expect(createChooser(strategy, HOST)(candidates('abc', 'c'), 'id', 'f')?.server).toBe('b');
    expect(heard).toEqual(['ab id f']);
  });

  test.each<[string, Strategy, number]>([
    ['throws', () => fail(), 3],
    ['chooses nothing', () => undefined, 0],
    ['chooses something else', () => candidates('z')[0], 0],
  ])('a function that %s leaves it to a round robin', (_, strategy, errors) => {
    const heard: unknown[] = [];
    const chooser = createChooser(strategy, { ...HOST, onError: (error) => heard.push(error) });
    expect([1, 2, 3].map(() => chooser(candidates('abc'))?.server)).toEqual(['a', 'b', 'c']);
    expect(heard.length).toBe(errors);
  });

  const servers = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 8 });
  const uniqueId = fc.string({ minLength: 1 });
  const chosen = (names: readonly string[], id: string): string | undefined =>
    createChooser('auto', HOST)(
      names.map((server) => ({ server, available: true, healthy: true, pending: 0 })),
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

function fail(): never {
  throw new Error("the user's own");
}

/** The documented score, written anew with 64 bits. */
const low = (value: bigint): bigint => BigInt.asUintN(32, value);
const fnv = (text: string): bigint =>
  [...text].reduce((hash, char) => low((hash ^ BigInt(char.charCodeAt(0))) * 0x01000193n), 0x811c9dc5n);
const mix = (value: bigint): bigint => {
  let hash = low(value);
  hash = low((hash ^ (hash >> 16n)) * 0x7feb352dn);
  hash = low((hash ^ (hash >> 15n)) * 0x846ca68bn);
  return hash ^ (hash >> 16n);
};
