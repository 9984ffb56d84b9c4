import type { GearmanError } from '@gearman/protocol';
import type { ConnectionStateName } from './connection-state.ts';
import { ClosedError, ConnectionLostError } from './errors.ts';

/** Asks something; returns false when nothing could be sent, and then calls nobody. */
export type StartAsking<T> = (resolve: (value: T) => void, reject: (error: GearmanError) => void) => boolean;

/** A promise of the answer, which keeps the process alive. It rejects with what `why` builds when nothing could be sent. */
export async function holding<T>(
  owner: { hold(): void; release(): void },
  start: StartAsking<T>,
  why: () => GearmanError,
): Promise<T> {
  owner.hold();
  try {
    return await new Promise<T>((resolve, reject) => {
      if (!start(resolve, reject)) reject(why());
    });
  } finally {
    owner.release();
  }
}

/** Why a request without an answer fails when its connection is closed. */
export function closedEarly(server: string): ClosedError {
  return new ClosedError(`the connection to ${server} was closed before the answer came`);
}

/** Why nothing can be sent in this state. */
export function notReady(
  server: string,
  state: ConnectionStateName,
  lastError: GearmanError | undefined,
): GearmanError {
  if (state === 'closing' || state === 'closed') {
    return new ClosedError(`the connection to ${server} is closed`, { cause: lastError });
  }
  return new ConnectionLostError(server, 'not connected now', { cause: lastError });
}
