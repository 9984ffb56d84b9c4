import { InvalidArgumentError, toFunctionName } from '@gearman/protocol';
import type { BuildPacket } from './job-intake.ts';
import type { BackgroundOptions, SubmitOptions } from './options.ts';

// gearmand stores it in a field of this size; with more it complains about the unique id.
const MAX_REDUCER_BYTES = 64;

/** Options of a job with a reducer: those of any other, but for the priority, which is always normal. */
export type MapReduceOptions = Omit<SubmitOptions, 'priority'>;

/** The same in the background. */
export type MapReduceBackgroundOptions = Omit<BackgroundOptions, 'priority'>;

/**
 * Makes the packets of jobs whose worker splits them and has the parts reduced.
 *
 * @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for a wrong reducer, and for a priority
 */
export function reducePacket(background: boolean, reducer: string, options: object | undefined): BuildPacket {
  if (options !== undefined && 'priority' in options) {
    throw new InvalidArgumentError('a job with a reducer has normal priority: leave the option out');
  }
  if (toFunctionName(reducer).length > MAX_REDUCER_BYTES) {
    throw new InvalidArgumentError(`reducer "${reducer}" is longer than ${MAX_REDUCER_BYTES} bytes`);
  }
  return (plain) => ({
    type: background ? 'SUBMIT_REDUCE_JOB_BACKGROUND' : 'SUBMIT_REDUCE_JOB',
    magic: 'REQ',
    ...plain,
    reducer: toFunctionName(reducer),
    ignored: '',
  });
}
