/** How to wait for a connection. */
export interface WaitOptions {
  /** In milliseconds. @defaultValue 10_000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Prefer the server that this unique id belongs to. */
  readonly uniqueId?: string;
  /** The function that the unique id belongs to: both together decide. */
  readonly functionName?: string;
  /** Wait for this server, `host:port`, and no other. */
  readonly server?: string;
}

/** How to wait until the pool is connected. */
export interface ReadyOptions extends Pick<WaitOptions, 'timeoutMs' | 'signal'> {
  /** How many servers must be connected. @defaultValue `'any'`, which is one */
  readonly atLeast?: 'any' | 'all' | number;
}

/** The answer to `Pool.echo()`. */
export interface EchoAnswer {
  /** What was sent, as it came back. */
  readonly data: Uint8Array;
  /** From request to answer, in milliseconds. */
  readonly rttMs: number;
  /** Who answered, as `host:port`. */
  readonly server: string;
}
