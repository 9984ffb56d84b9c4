import { type StorePlace, storeContract } from '@gearman/server/store-contract';
import { escapeIdentifier } from 'pg';
import { describe, test } from 'vitest';
import { Network } from '../../../../test/support/network.ts';
import { ask, POSTGRES_URL, testSchema, withoutPostgres } from '../../../../test/support/postgres.ts';
import { createPostgresStore, type PostgresStore } from '../../src/index.ts';

/** A schema; a crash cuts a store off for good, and ends its lease, which would take its time otherwise. */
function place(): StorePlace {
  const schema = testSchema();
  const opened: { readonly store: PostgresStore; readonly network: Network }[] = [];
  return {
    async store() {
      const network = await Network.start(POSTGRES_URL);
      const store = createPostgresStore({ connection: network.url, schema: schema.name, leaseMs: 60_000 });
      opened.push({ store, network });
      return store;
    },
    async crash() {
      for (const { network } of opened) network.refuse();
      await ask(`update ${escapeIdentifier(schema.name)}.node set expires = clock_timestamp()`);
    },
    async remove() {
      for (const { store, network } of opened) {
        await store.close();
        await network[Symbol.asyncDispose]();
      }
      await schema.drop();
    },
  };
}

describe.skipIf(withoutPostgres)('the store in PostgreSQL', () => {
  for (const { name, run } of storeContract(place)) test(name, run);
});
