import { ClosedError, parseServers, type ServerInput, serverName } from '@gearman/pool';
import { GearmanError, InvalidArgumentError } from '@gearman/protocol';
import { type AdminFailure, NoAnswerError } from './errors.ts';

/** What one server answered. */
export interface Answer<T> {
  /** The server as `host:port`. */
  readonly server: string;
  readonly value: T;
}

/**
 * What several servers answered. At least one did, or the call would have rejected; look at `failures` to learn
 * whether all did.
 */
export interface PerServer<T> {
  /** In the order of the list of servers. */
  readonly answers: readonly Answer<T>[];
  /** The servers that gave no answer, and why. */
  readonly failures: readonly AdminFailure[];
}

interface Named {
  /** `host:port` */
  readonly server: string;
}

/**
 * Asks all servers at the same time. Rejects only for what is no server's fault: wrong arguments, an abort, a closed
 * admin, an error of the caller's own.
 */
export async function askAll<S extends Named, T>(
  servers: readonly S[],
  ask: (server: S) => Promise<T>,
): Promise<PerServer<T>> {
  const results = await Promise.all(
    servers.map(async (each) => {
      const { server } = each;
      try {
        return { answer: { server, value: await ask(each) } };
      } catch (error) {
        if (!isServersFault(error)) throw error;
        return { failure: { server, error } };
      }
    }),
  );
  return {
    answers: results.flatMap(({ answer }) => answer ?? []),
    failures: results.flatMap(({ failure }) => failure ?? []),
  };
}

function isServersFault(error: unknown): error is GearmanError {
  if (error instanceof ClosedError || error instanceof InvalidArgumentError) return false;
  return error instanceof GearmanError;
}

/** Throws when no server answered: the error of the only one that was asked, or one that names them all. */
export function requireAnswer<R extends PerServer<unknown>>(result: R): R {
  if (result.answers.length > 0) return result;
  const [first, ...others] = result.failures;
  if (first !== undefined && others.length === 0) throw first.error;
  throw new NoAnswerError(result.failures);
}

/** Those of `all` that a call names. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function selectServers<S extends Named>(
  all: readonly S[],
  wanted: ServerInput | readonly ServerInput[] | undefined,
): readonly S[] {
  if (wanted === undefined) return all;
  return parseServers(wanted).map((address) => {
    const name = serverName(address);
    const found = all.find(({ server }) => server === name);
    if (found !== undefined) return found;
    const known = all.map(({ server }) => server).join(', ');
    throw new InvalidArgumentError(`"${name}" is none of the admin's servers, which are ${known}`);
  });
}
