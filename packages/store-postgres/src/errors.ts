import { GearmanError } from '@gearman/protocol';

/** Another job server has the store: its lease has not ended. */
export class StoreLockedError extends GearmanError {
  override readonly name = 'StoreLockedError';
  readonly code = 'ERR_GEARMAN_STORE_LOCKED';

  constructor(store: string, holder: string) {
    super(`${store} is in use by ${holder}; stop that job server, or give this one another schema`);
  }
}

/** The database cannot be used as a store: it lets nobody in, lacks a right, or does not keep what it confirms. */
export class StoreUnusableError extends GearmanError {
  override readonly name = 'StoreUnusableError';
  readonly code = 'ERR_GEARMAN_STORE_UNUSABLE';
}

/** The tables were made by a later version. */
export class StoreVersionError extends GearmanError {
  override readonly name = 'StoreVersionError';
  readonly code = 'ERR_GEARMAN_STORE_VERSION';

  constructor(store: string, version: number, known: number) {
    super(
      `${store} has format ${version}, and this version reads up to ${known}; use the version that wrote it`,
    );
  }
}

/** The database took a batch not; it has no room, for example. */
export class StoreFullError extends GearmanError {
  override readonly name = 'StoreFullError';
  readonly code = 'ERR_GEARMAN_STORE_FULL';
  override readonly retryable = true;

  constructor(store: string, cause: unknown) {
    super(`${store} takes no more jobs: ${messageOf(cause)}`, { cause });
  }
}

/** The database cannot be reached at present. */
export class StoreAwayError extends GearmanError {
  override readonly name = 'StoreAwayError';
  readonly code = 'ERR_GEARMAN_STORE_AWAY';
  override readonly retryable = true;

  constructor(store: string, cause: unknown) {
    super(`${store} cannot be reached: ${messageOf(cause)}`, { cause });
  }
}

/** Another job server has taken the store over, as this one had not renewed its lease in time. Nothing is recorded any more. */
export class StoreTakenOverError extends GearmanError {
  override readonly name = 'StoreTakenOverError';
  readonly code = 'ERR_GEARMAN_STORE_TAKEN_OVER';

  constructor(store: string, holder: string) {
    super(`${store} was taken over by ${holder}, as the lease had run out; restart this job server`);
  }
}

export function messageOf(cause: unknown): string {
  // Where a name has several addresses, Node.js puts what happened at each of them behind an empty message.
  if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(messageOf).join(', ');
  return cause instanceof Error ? cause.message : String(cause);
}
