import { SERVER_ERRORS, type ServerErrorText } from '@gearman/protocol';
import type { SubmitRefusal } from '../engine/submission.ts';

/** ERROR packets that gearmand does not have, for what gearmand leaves unanswered or has no limit for. */
export const OWN_ERRORS = {
  badEpoch: { code: 'INVALID_ARGUMENT', text: 'The time of the job does not fit in 64 bits' },
  tooManyFunctions: { code: 'TOO_MANY_FUNCTIONS', text: 'No more functions are accepted' },
  shuttingDown: { code: 'SHUTTING_DOWN', text: 'The server is shutting down and accepts no jobs' },
} as const satisfies Record<string, ServerErrorText>;

/** What a refused submit is answered. */
export const REFUSALS: { readonly [R in SubmitRefusal]: ServerErrorText } = {
  'unique-too-large': SERVER_ERRORS.uniqueTooLarge,
  // gearmand says so of reducers, too.
  'reducer-too-large': SERVER_ERRORS.uniqueTooLarge,
  'queue-full': SERVER_ERRORS.queueFull,
  'memory-full': SERVER_ERRORS.queueFull,
  'too-many-functions': OWN_ERRORS.tooManyFunctions,
  'shutting-down': OWN_ERRORS.shuttingDown,
};
