import { InvalidArgumentError } from '../errors.ts';
import type { FunctionContract } from './contract.ts';

/** Contracts by the names of their functions. */
export type Registry = Readonly<Record<string, FunctionContract>>;

/** A registry with nothing in it. */
export type NoContracts = Readonly<Record<never, never>>;

/** The names in a registry. */
export type NameOf<R> = Extract<keyof R, string>;

/**
 * Puts contracts together, so that `createClient({ contracts })` knows what each name means.
 *
 * @param contracts each under the name of its function
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for one that stands under another name
 */
export function defineRegistry<const R extends Registry>(
  contracts: R & { readonly [Name in keyof R]: { readonly name: Name } },
): Readonly<R> {
  for (const [key, { name }] of Object.entries<FunctionContract>(contracts)) {
    if (key !== name) {
      throw new InvalidArgumentError(
        `defineRegistry(): "${key}" holds the contract of "${name}"; put it under that name`,
      );
    }
  }
  return Object.freeze({ ...contracts });
}
