import { z } from 'zod';

/** Where to put large payloads. */
export interface SpoolOptions {
  /**
   * A directory for this server alone; made when it is not there. Best on the file system of the store, which then takes a
   * file over by a second name instead of a copy. What is in it does not outlive the server.
   */
  readonly directory: string;
  /**
   * SUBMIT_JOB packets with a body from this size on go there, in bytes; at least 64 KiB.
   *
   * @defaultValue 1 MiB
   */
  readonly thresholdBytes?: number | undefined;
}

/** {@link SpoolOptions} with their defaults. */
export interface CheckedSpoolOptions {
  readonly directory: string;
  readonly thresholdBytes: number;
}

/** The arguments before a payload fit in. */
const LEAST_THRESHOLD_BYTES = 0x1_0000;
const DEFAULT_THRESHOLD_BYTES = 0x10_0000;

export const spoolSchema: z.ZodType<CheckedSpoolOptions, SpoolOptions> = z.strictObject({
  directory: z.string().min(1),
  thresholdBytes: z.int().min(LEAST_THRESHOLD_BYTES).default(DEFAULT_THRESHOLD_BYTES),
});
