import { GearmanError } from '@gearman/protocol';

/** Another process uses the store. */
export class StoreLockedError extends GearmanError {
  override readonly name = 'StoreLockedError';
  readonly code = 'ERR_GEARMAN_STORE_LOCKED';

  constructor(directory: string, holder: string) {
    super(`${directory} is in use by ${holder}; stop that process, or give this one another directory`);
  }
}

/** The directory cannot be used as a store: it holds something else, or must not be read or written. */
export class StoreUnusableError extends GearmanError {
  override readonly name = 'StoreUnusableError';
  readonly code = 'ERR_GEARMAN_STORE_UNUSABLE';
}

/** The store was written by a later version. */
export class StoreVersionError extends GearmanError {
  override readonly name = 'StoreVersionError';
  readonly code = 'ERR_GEARMAN_STORE_VERSION';

  constructor(path: string, version: number, known: number) {
    super(
      `${path} has format ${version}, and this version reads up to ${known}; use the version that wrote it`,
    );
  }
}

/** The store can take no more jobs; those it has go on. */
export class StoreFullError extends GearmanError {
  override readonly name = 'StoreFullError';
  readonly code = 'ERR_GEARMAN_STORE_FULL';
  override readonly retryable = true;

  constructor(directory: string, cause: unknown) {
    super(`${directory} takes no more jobs: ${messageOf(cause)}`, { cause });
  }
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** What a failed operation on a store's directory means to who uses the store. */
export function asStoreError(error: unknown, directory: string): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'ENOSPC' || code === 'EDQUOT') return new StoreFullError(directory, error);
  if (typeof code !== 'string' || code.startsWith('ERR_')) return error;
  return new StoreUnusableError(`${directory} cannot be used: ${messageOf(error)}`, { cause: error });
}
