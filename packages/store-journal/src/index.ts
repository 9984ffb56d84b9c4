// What applications use.

export { type CheckJournalOptions, checkJournal, type JournalCheck } from './check-journal.ts';
export { StoreFullError, StoreLockedError, StoreUnusableError, StoreVersionError } from './errors.ts';
export { createJournal, type Journal } from './journal.ts';
export type { JournalOptions } from './options.ts';
export type { JournalDamage, RecoveryReport } from './recovery.ts';

// What tests of a store replace.

export { type Disk, type DiskFile, systemDisk } from './disk.ts';
