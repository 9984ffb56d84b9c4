import { z } from 'zod';

/** The setting of a store that says how far an import came. It goes with every commit of one. */
export const PROGRESS_SETTING = 'import';

/** The last import into a store. */
export interface ImportRecord {
  /** The fingerprint of what was imported. */
  readonly file: string;
  /** How many jobs it has, and how many of them are in the store. */
  readonly jobs: number;
  readonly done: number;
  /** Whether jobs keep the numbers they have; else they count on from `base`. */
  readonly keepsNumbers: boolean;
  readonly base: number;
}

const schema = z.object({
  file: z.string(),
  jobs: z.int().min(0),
  done: z.int().min(0),
  keepsNumbers: z.boolean(),
  base: z.int().min(0),
});

export function writeRecord(record: ImportRecord): string {
  return JSON.stringify(record);
}

/** Undefined when there was no import. */
export function readRecord(text: string | undefined): ImportRecord | undefined {
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Somebody else's setting of this name.
    return undefined;
  }
}
