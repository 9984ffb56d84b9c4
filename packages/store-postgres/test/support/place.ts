import { escapeIdentifier } from 'pg';
import { onTestFinished } from 'vitest';
import { Network } from '../../../../test/support/network.ts';
import { ask, POSTGRES_URL, testSchema } from '../../../../test/support/postgres.ts';
import { createPostgresStore, type PostgresStore, type PostgresStoreOptions } from '../../src/index.ts';

/** A schema for one test, and stores on it that can be cut off. Everything is gone after the test. */
export class Place {
  readonly schema: string;
  readonly quoted: string;
  readonly #url: string;
  readonly #drop: () => Promise<void>;
  readonly #opened: { readonly store: PostgresStore; readonly network: Network }[] = [];

  constructor(url = POSTGRES_URL) {
    const { name, drop } = testSchema(url);
    this.schema = name;
    this.quoted = escapeIdentifier(name);
    this.#url = url;
    this.#drop = drop;
    onTestFinished(() => this.#remove());
  }

  /** A store that is not open yet, and the network between it and the database. */
  async store(options: PostgresStoreOptions = {}): Promise<{ store: PostgresStore; network: Network }> {
    const network = await Network.start(this.#url);
    const store = createPostgresStore({ connection: network.url, schema: this.schema, ...options });
    this.#opened.push({ store, network });
    return { store, network };
  }

  /** What the database has, whatever a store thinks. */
  async numbers(): Promise<number[]> {
    const rows = await this.ask<{ id: string }>(`select id from ${this.quoted}.job order by id`);
    return rows.map(({ id }) => Number(id));
  }

  async fence(): Promise<number> {
    const [node] = await this.ask<{ fence: string }>(`select fence from ${this.quoted}.node`);
    return Number(node?.fence);
  }

  ask<R extends object>(text: string, values: unknown[] = []): Promise<R[]> {
    return ask(text, values, this.#url);
  }

  async #remove(): Promise<void> {
    for (const { store, network } of this.#opened) {
      network.mend();
      await store.close();
      await network[Symbol.asyncDispose]();
    }
    await this.#drop();
  }
}
