/** How the job of a {@link JobClient} is submitted. */
export interface JobClientOptions {
  /** Ends the waiting for the job when it aborts. */
  readonly signal?: AbortSignal;
  /** Joins the job to one with the same id that waits or runs. */
  readonly uniqueId?: string;
}

/**
 * Submits jobs for jobs. Whatever has this method can be given to `createWorker({ client })`; the client of
 * `@gearman/client` has it.
 */
export interface JobClient {
  /** Submits a foreground job. The result must reject when the job does not complete. */
  submit(
    functionName: string,
    payload: Uint8Array | string,
    options?: JobClientOptions,
  ): PromiseLike<Uint8Array>;
}
