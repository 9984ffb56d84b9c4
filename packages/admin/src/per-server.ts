import { ClosedError, parseServers, type ServerInput, serverName } from '@gearman/pool';
import { GearmanError, InvalidArgumentError } from '@gearman/protocol';
import { type AdminFailure, NoAnswerError } from './errors.ts';
import type { ServerLink } from './server-link.ts';

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

/** Asks all servers at the same time. Rejects only for what is no server's fault: an abort, a closed admin. */
export async function askAll<T>(
  links: readonly ServerLink[],
  ask: (link: ServerLink) => Promise<T>,
): Promise<PerServer<T>> {
  const results = await Promise.all(
    links.map(async (link) => {
      const { server } = link;
      try {
        return { answer: { server, value: await ask(link) } };
      } catch (error) {
        if (!(error instanceof GearmanError) || error instanceof ClosedError) throw error;
        return { failure: { server, error } };
      }
    }),
  );
  return {
    answers: results.flatMap(({ answer }) => answer ?? []),
    failures: results.flatMap(({ failure }) => failure ?? []),
  };
}

/** Throws when no server answered: the error of the only one that was asked, or one that names them all. */
export function requireAnswer<R extends PerServer<unknown>>(result: R): R {
  if (result.answers.length > 0) return result;
  const [first, ...others] = result.failures;
  if (first !== undefined && others.length === 0) throw first.error;
  throw new NoAnswerError(result.failures);
}

/** The links of the servers that a call names. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function selectLinks(
  links: readonly ServerLink[],
  servers: ServerInput | readonly ServerInput[] | undefined,
): readonly ServerLink[] {
  if (servers === undefined) return links;
  return parseServers(servers).map((address) => {
    const name = serverName(address);
    const link = links.find(({ server }) => server === name);
    if (link !== undefined) return link;
    const known = links.map(({ server }) => server).join(', ');
    throw new InvalidArgumentError(`"${name}" is none of the admin's servers, which are ${known}`);
  });
}
