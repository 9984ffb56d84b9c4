import type { Logger } from '@gearman/events';
import type { Connection } from '@gearman/pool';
import { parseVersion, type ServerVersion } from './exception-rule.ts';
import type { TextLinks } from './text-links.ts';

/** The versions of the servers, each asked for once, when it first matters. */
export class ServerVersions {
  readonly #links: TextLinks;
  readonly #logger: Logger;
  readonly #fixed: ServerVersion | undefined;
  readonly #known = new Map<string, ServerVersion | 'unknown'>();
  readonly #asked = new Map<string, Promise<ServerVersion | 'unknown'>>();

  /** @param fixed the version of all servers, if nobody is to be asked */
  constructor(links: TextLinks, logger: Logger, fixed: string | undefined) {
    this.#links = links;
    this.#logger = logger;
    this.#fixed = fixed === undefined ? undefined : parseVersion(fixed);
  }

  /** What is known now; `unknown` when the server does not tell, undefined when it has not been asked. */
  of(server: string): ServerVersion | 'unknown' | undefined {
    return this.#fixed ?? this.#known.get(server);
  }

  /** Asks unless it is known. Never rejects. */
  learn(connection: Connection): Promise<ServerVersion | 'unknown'> {
    const { server } = connection;
    const known = this.of(server);
    if (known !== undefined) return Promise.resolve(known);
    let asked = this.#asked.get(server);
    if (asked === undefined) {
      asked = this.#ask(connection);
      this.#asked.set(server, asked);
    }
    return asked;
  }

  async #ask({ server, address }: Connection): Promise<ServerVersion | 'unknown'> {
    try {
      const [line = ''] = await this.#links.ask(address, 'version');
      const version = parseVersion(line) ?? 'unknown';
      this.#known.set(server, version);
      return version;
    } catch (error) {
      // Whoever asks next tries again: it may only have been away.
      this.#logger.warn({ server, error }, 'the server did not tell its version');
      return 'unknown';
    } finally {
      this.#asked.delete(server);
    }
  }
}
