import { describe, expect, test } from 'vitest';
import { LruMap } from '../../src/cache/lru-map.ts';

describe('LruMap', () => {
  test('forgets what was not read for the longest time when it has too many entries', () => {
    const map = new LruMap({ maxEntries: 2, maxBytes: 100 });
    map.set('a', '1').set('b', '2');
    expect(map.get('a')).toBe('1');
    map.set('c', '3');
    expect([...map.keys()]).toEqual(['a', 'c']);
  });

  test('forgets when it holds too much, and refuses what is larger than all of it', () => {
    const map = new LruMap({ maxEntries: 100, maxBytes: 10 });
    map.set('a', '1234').set('b', '1234');
    expect(map.bytes).toBe(10);
    map.set('c', '1');
    expect([...map.keys()]).toEqual(['b', 'c']);
    map.set('b', '12345678901');
    expect([...map.keys()]).toEqual(['c']);
    expect(map.bytes).toBe(2);
  });

  test('counts again what is replaced, deleted or cleared', () => {
    const map = new LruMap({ maxEntries: 100, maxBytes: 100 });
    map.set('a', '1234').set('a', '12').set('b', '1');
    expect(map.bytes).toBe(5);
    expect([map.delete('a'), map.delete('a'), map.bytes]).toEqual([true, false, 2]);
    map.clear();
    expect([map.bytes, map.size]).toEqual([0, 0]);
  });
});
