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
  const failing = async (makeStore: () => MemoryStore): Promise<string[]> => {
    const makePlace = () => ({ store: makeStore, crash: () => {}, remove: () => {} });
    const cases = storeContract(makePlace);
    const outcomes = await Promise.all(
      cases.map(({ run }) =>
        run().then(
          () => 'kept',
          () => 'broken',
        ),
      ),
    );
    return cases.filter((_, i) => outcomes[i] === 'broken').map(({ name }) => name);
  };
  expect(await failing(() => new MemoryStore())).toContain(
    'whatever a commit has resolved for survives a crash',
  );
});
