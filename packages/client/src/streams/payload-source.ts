import { ValidationError } from '@gearman/protocol/payload';
import { type Payload, toBytes } from '../payload.ts';
import { PayloadCollector, type PayloadLimits } from './payload-collector.ts';
import { PayloadError } from './payload-error.ts';

/**
 * A payload that is still to come: a Node stream, a web `ReadableStream`, anything for `for await`, or a promise. It is
 * collected first, because a job's packet starts with its size.
 */
export type PayloadSource = AsyncIterable<Uint8Array | string> | PromiseLike<Payload>;

/** What a job can carry, there already or still to come. */
export type JobPayload = Payload | PayloadSource;

/** True for a payload that must be waited for. */
export function isPayloadSource(data: unknown): data is PayloadSource {
  if (typeof data !== 'object' || data === null || data instanceof Uint8Array) return false;
  return Symbol.asyncIterator in data || ('then' in data && typeof data.then === 'function');
}

/**
 * Reads a source to its end. Once `isOver` it reads nothing more, but for what it is waiting for already.
 *
 * @returns a promise that rejects with `ERR_GEARMAN_PAYLOAD`, whatever went wrong, or with the `ValidationError` that a promised
 * payload rejects with
 */
export async function collectPayload(
  source: PayloadSource,
  limits: PayloadLimits,
  isOver: () => boolean,
): Promise<Uint8Array> {
  const collector = new PayloadCollector(limits);
  try {
    if (Symbol.asyncIterator in source) {
      for await (const chunk of source) {
        if (isOver()) break;
        collector.push(toBytes(chunk));
      }
    } else collector.push(toBytes(await source));
    return collector.end();
  } catch (error) {
    if (error instanceof PayloadError || error instanceof ValidationError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new PayloadError(`the payload could not be read: ${reason}`, { cause: error });
  }
}
