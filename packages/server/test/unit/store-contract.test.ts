import { storeContract } from '@gearman/server/store-contract';
import { describe, expect, test } from 'vitest';
import { MemoryPlace, MemoryStore } from '../support/memory-store.ts';

describe('the store that tests use', () => {
  const makePlace = () => {
    const place = new MemoryPlace();
    return { store: () => new MemoryStore(place), crash: () => {}, remove: () => {} };
  };
  for (const { name, run } of storeContract(makePlace)) test(name, run);
});

test('the contract finds a store that forgets', async () => {
  const makePlace = () => ({ store: () => new MemoryStore(), crash: () => {}, remove: () => {} });
  const survives = storeContract(makePlace).find(({ name }) => name.includes('survives a crash'));
  await expect(survives?.run()).rejects.toThrow(/strictly deep-equal/);
});
