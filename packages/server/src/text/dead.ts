import type { DeadOutcome, DeadSelection } from '../dead-letters.ts';
import type { Engine } from '../engine/engine.ts';
import type { Listing, Session } from '../net/session.ts';
import { escapeName } from './escape.ts';
import { incomplete, TEXT_ERRORS, unknownCommand } from './text-error.ts';

/**
 * Dead jobs: `dead list [FUNCTION]`, and `dead requeue` and `dead delete`, each with a handle, `function FUNCTION` or
 * `all`. The answer to the last two says of how many it was done.
 */
export function dead(session: Session, words: readonly string[]): string | Listing | Promise<string> {
  const [command = '', action = '', what, functionName] = words;
  const { deadLetters, engine } = session.context;
  if (words.length < 2) return unknownCommand(command);
  if (!deadLetters.isOn) return TEXT_ERRORS.noDeadJobs;
  switch (action.toLowerCase()) {
    case 'list':
      return listDead(engine, what);
    case 'requeue': {
      const selection = toSelection(what, functionName);
      if (selection === undefined) return incomplete(command);
      return deadLetters.requeue(selection).then((outcome) => toAnswer(selection, outcome));
    }
    case 'delete': {
      const selection = toSelection(what, functionName);
      return selection === undefined
        ? incomplete(command)
        : toAnswer(selection, deadLetters.delete(selection));
    }
    default:
      return unknownCommand(command);
  }
}

/** `HANDLE FUNCTION UNIQUE ATTEMPTS REASON DIED-AT DETAIL`, in the order of their deaths; the time in milliseconds since 1970. */
function* listDead(engine: Engine, wanted: string | undefined): Generator<string> {
  for (const job of engine.afterlife.dead?.values() ?? []) {
    const { number, functionName, uniqueId, attempts, reason, diedAtMs, detail } = job;
    if (wanted !== undefined && functionName !== wanted) continue;
    const names = `${engine.handlePrefix}${number}\t${escapeName(functionName)}\t${escapeName(uniqueId)}`;
    yield `${names}\t${attempts}\t${reason}\t${Math.floor(diedAtMs)}\t${escapeName(detail)}\n`;
  }
  yield '.\n';
}

function toSelection(what: string | undefined, functionName: string | undefined): DeadSelection | undefined {
  if (what?.toLowerCase() === 'function') return functionName === undefined ? undefined : { functionName };
  if (what === undefined || functionName !== undefined) return undefined;
  return what.toLowerCase() === 'all' ? { all: true } : { handle: what };
}

function toAnswer(selection: DeadSelection, { found, done }: DeadOutcome): string {
  if ('handle' in selection && found === 0) return TEXT_ERRORS.unknownJob;
  if ('handle' in selection && done === 0) return TEXT_ERRORS.notRequeued;
  return `OK ${done}\n`;
}
