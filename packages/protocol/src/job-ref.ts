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
  readonly #deduplicated: boolean;

  /** @param deduplicated see {@link JobRef.deduplicated} */
  constructor(server: string, handle: string, deduplicated = false) {
    this.server = server;
    this.handle = handle;
    this.#deduplicated = deduplicated;
  }

  /**
   * True in the answer to a submit with the option `dedup` that made no job: this is the job of an earlier submit, which
   * stands for it and may be over. It is not part of what {@link JobRef.toString} writes.
   */
  get deduplicated(): boolean {
    return this.#deduplicated;
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
