import { join, resolve } from 'node:path';
import type { SpoolOptions } from '@gearman/server';
import type { OptionValues } from './working-options.ts';

/** Beside a journal by itself: a payload goes from there into the journal by a second name for its file. */
export function spoolOptions(values: OptionValues, dataDir: string | undefined): SpoolOptions | undefined {
  const asked = values['spool-dir'];
  const directory = asked === undefined ? dataDir && join(dataDir, 'spool') : resolve(asked);
  return directory === undefined ? undefined : { directory, thresholdBytes: values['spool-threshold-bytes'] };
}

/** What a user may believe to have, and has not. */
export function spoolWarnings(values: OptionValues, dataDir: string | undefined): string[] {
  if (values['spool-threshold-bytes'] === undefined || (values['spool-dir'] ?? dataDir) !== undefined)
    return [];
  return ['--spool-threshold-bytes has no effect without --spool-dir or --data-dir'];
}
