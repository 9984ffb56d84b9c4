import type { Clock, Logger } from '@gearman/events';
import { parseOptions, silentLogger, systemClock } from '@gearman/events';
import { InvalidArgumentError } from '@gearman/protocol';
import { z } from 'zod';
import { type Disk, systemDisk } from './disk.ts';

const MIB = 0x10_0000;

/** Options of {@link createJournal}. */
export interface JournalOptions {
  /** Where the journal is; made when it is not there. Used by one process at a time, and for nothing else. */
  readonly directory: string;
  /**
   * How large its files are, in bytes, a multiple of 4096 between 64 KiB and 16 MiB. It needs three of them at least.
   *
   * @defaultValue 16 MiB
   */
  readonly segmentBytes?: number;
  /**
   * Payloads from this size on, in bytes, get a file of their own, which is not copied when the journal is compacted. At
   * most a quarter of `segmentBytes`.
   *
   * @defaultValue 1 MiB, or a quarter of `segmentBytes` if that is less
   */
  readonly largePayloadBytes?: number;
  /**
   * Whether to refuse a damaged journal, instead of going on with all that can be read and keeping a copy of the rest.
   *
   * @defaultValue false
   */
  readonly strict?: boolean;
  /**
   * Whether to refuse a directory without a journal, instead of beginning one there: for a disk that may not be mounted.
   *
   * @defaultValue false
   */
  readonly mustExist?: boolean;
  /** @defaultValue one that says nothing */
  readonly logger?: Logger;
  /** @defaultValue the clock of the system */
  readonly clock?: Clock;
  /** For tests: what stands for the file system. @defaultValue the real one */
  readonly disk?: Disk;
}

/** {@link JournalOptions}, checked, with everything filled in. */
export type JournalSettings = Required<JournalOptions>;

const anObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

const schema = z.strictObject({
  directory: z.string().min(1),
  segmentBytes: z
    .int()
    .min(0x1_0000)
    .max(16 * MIB)
    .multipleOf(4096)
    .default(16 * MIB),
  largePayloadBytes: z.int().min(1).optional(),
  strict: z.boolean().default(false),
  mustExist: z.boolean().default(false),
  logger: z.custom<Logger>(anObject, 'must be a logger').default(silentLogger),
  clock: z.custom<Clock>(anObject, 'must be a clock').default(systemClock),
  disk: z.custom<Disk>(anObject, 'must be a disk').default(systemDisk),
});

/** Checks options. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` */
export function parseJournalOptions(options: JournalOptions): JournalSettings {
  const fail = (message: string): InvalidArgumentError => new InvalidArgumentError(message);
  const parsed = parseOptions(schema, options, 'createJournal()', fail);
  const most = parsed.segmentBytes / 4;
  const { largePayloadBytes = Math.min(MIB, most) } = parsed;
  if (largePayloadBytes > most) throw fail(`createJournal(): largePayloadBytes must be at most ${most}`);
  return { ...parsed, largePayloadBytes };
}
