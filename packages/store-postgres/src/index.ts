// What applications use.

export {
  StoreAwayError,
  StoreFullError,
  StoreLockedError,
  StoreTakenOverError,
  StoreUnusableError,
  StoreVersionError,
} from './errors.ts';
export type { PostgresConnection, PostgresStoreOptions, PostgresTls } from './options.ts';
export { createPostgresStore, type PostgresStore } from './postgres-store.ts';
