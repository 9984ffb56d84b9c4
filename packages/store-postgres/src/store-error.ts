import { GearmanError } from '@gearman/protocol';
import { messageOf, StoreAwayError, StoreUnusableError } from './errors.ts';
import { isPassing, sqlStateOf } from './sql-state.ts';

/** What to do about the errors that come up at the start. */
const REMEDIES: readonly (readonly [state: string, remedy: string])[] = [
  ['28', 'check user and password'],
  ['3D000', 'create it: createdb'],
  ['42501', 'grant the right, or have the schema made by who has it'],
];

/** An error with a code of ours, and what to do. */
export function asStoreError(error: unknown, store: string): unknown {
  if (error instanceof GearmanError) return error;
  const state = sqlStateOf(error);
  const remedy = REMEDIES.find(([begin]) => state?.startsWith(begin))?.[1];
  if (isPassing(error)) return new StoreAwayError(store, error);
  const advice = remedy === undefined ? '' : `; ${remedy}`;
  return new StoreUnusableError(`${store} cannot be used: ${messageOf(error)}${advice}`, { cause: error });
}
