import type { Disk } from './disk.ts';
import { StoreUnusableError } from './errors.ts';
import { isSegmentName, isSpareName } from './segment.ts';

const DAMAGED = 'damaged-';

/** The files of a journal, by what they are. */
export interface JournalFiles {
  /** In the order in which they were begun. */
  readonly segments: readonly string[];
  readonly spares: readonly string[];
  /** Copies of damaged segments, which nothing reads. */
  readonly damagedCopies: readonly string[];
}

/** @throws StoreUnusableError for a directory that holds something else */
export async function listJournal(disk: Disk, directory: string): Promise<JournalFiles> {
  const names = (await disk.list(directory)).sort();
  const segments = names.filter(isSegmentName);
  const spares = names.filter(isSpareName);
  const strangers = names.filter((name) => !isOurs(name));
  if (segments.length === 0 && spares.length === 0 && strangers.length > 0) {
    throw new StoreUnusableError(
      `${directory} is not a journal: it holds ${strangers.slice(0, 3).join(', ')}; give it a directory of its own`,
    );
  }
  return { segments, spares, damagedCopies: names.filter((name) => name.startsWith(DAMAGED)) };
}

/** What a damaged segment, or a copy of one, is called. */
export function damagedName(segment: string): string {
  return DAMAGED + segment;
}

export function noJournalIn(directory: string): StoreUnusableError {
  return new StoreUnusableError(`${directory} holds no journal`);
}

function isOurs(name: string): boolean {
  return (
    name === 'payloads' ||
    // Where a server puts large payloads that may become this journal's.
    name === 'spool' ||
    name === 'lost+found' ||
    name.startsWith('lock') ||
    name.startsWith(DAMAGED)
  );
}
