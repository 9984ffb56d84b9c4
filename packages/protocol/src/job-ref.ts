import { checkJobHandle } from './brands.ts';
import { InvalidArgumentError } from './errors.ts';

/**
 * A job and the server that knows it. Handles repeat between servers, so one alone is not enough.
 *
 * Written as `host:port//handle`, for example `127.0.0.1:4730//H:box:17`; IPv6 hosts in brackets.
 */
export class JobRef {
  /** The server as `host:port`, `[v6]:port` or `unix:/path`. */
  readonly server: string;
  /** A byte string, as it came in a packet. */
  readonly handle: string;

  constructor(server: string, handle: string) {
    this.server = server;
    this.handle = handle;
  }

  /** Reads what {@link JobRef.toString} wrote. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
  static parse(text: string): JobRef {
    const at = text.indexOf('//');
    if (at <= 0) {
      throw new InvalidArgumentError(`"${text}" is not a job reference; expected host:port//handle`);
    }
    return new JobRef(text.slice(0, at), checkJobHandle(text.slice(at + 2)));
  }

  toString(): string {
    return `${this.server}//${this.handle}`;
  }

  toJSON(): string {
    return this.toString();
  }
}
