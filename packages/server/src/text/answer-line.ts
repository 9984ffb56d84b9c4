import { MAX_WORDS, splitWords } from '@gearman/protocol';
import type { Listing, Session } from '../net/session.ts';
import { VERSION } from '../version.ts';
import { dead } from './dead.ts';
import { createFunction, dropFunction, maxQueue } from './functions.ts';
import { listJobs, listPriorityStatus, listStatus, listUniqueJobs, listWorkers } from './listings.ts';
import { pause, resume, run } from './pausing.ts';
import { listPaused, listSchedules } from './schedules.ts';
import { OK, TEXT_ERRORS, unknownCommand } from './text-error.ts';

/** No answer: the line comes again. */
const WAITS = '';

/** Makes the answer to a line whose first word is the command: one text, now or later, or a listing. */
type TextHandler = (session: Session, words: readonly string[]) => string | Listing | Promise<string>;

/** One handler per first word, compared without regard to letter case. */
const TEXT_HANDLERS: ReadonlyMap<string, TextHandler> = new Map<string, TextHandler>([
  ['status', ({ context }) => listStatus(context.engine)],
  ['prioritystatus', ({ context }) => listPriorityStatus(context.engine)],
  ['workers', ({ context }) => listWorkers(context.engine)],
  ['show', show],
  ['version', () => `OK ${VERSION}\n`],
  ['verbose', ({ context }) => `OK ${context.logLevel}\n`],
  ['getpid', () => `OK ${process.pid}\n`],
  ['maxqueue', ({ context }, words) => maxQueue(context.engine, words)],
  ['create', ({ context }, words) => createFunction(context.engine, words)],
  ['drop', ({ context }, words) => dropFunction(context.engine, words)],
  ['cancel', cancel],
  ['pause', ({ context }, words) => pause(context.engine, words)],
  ['resume', ({ context }, words) => resume(context.engine, words)],
  ['run', ({ context }, words) => run(context.engine, words)],
  ['dead', dead],
]);

/** Answers one line of the text protocol. */
export function answerLine(session: Session, line: string): void {
  const words = splitWords(line);
  if (words.length > MAX_WORDS) {
    session.refuse(`sent a line of ${words.length} words`);
    return;
  }
  const command = words[0] ?? '';
  const handler = TEXT_HANDLERS.get(command.toLowerCase());
  const answer = handler === undefined ? unknownCommand(command) : handler(session, words);
  if (answer === WAITS) return;
  if (typeof answer === 'string') session.sendText(answer);
  else if (answer instanceof Promise) session.sendLater(answer.catch((error) => failed(session, error)));
  else session.sendListing(answer);
}

function failed({ context }: Session, error: unknown): string {
  context.logger.error({ err: error }, 'a text command could not be done');
  return TEXT_ERRORS.unknownError;
}

function show({ context }: Session, words: readonly string[]): string | Listing {
  const [command = '', ...what] = words;
  if (what.length === 0) return unknownCommand(command);
  const subject = what.join(' ').toLowerCase();
  if (subject === 'jobs') return listJobs(context);
  if (subject === 'unique jobs') return listUniqueJobs(context);
  if (subject === 'schedules') return listSchedules(context.engine);
  if (subject === 'paused') return listPaused(context.engine);
  return TEXT_ERRORS.unknownShow;
}

function cancel(session: Session, words: readonly string[]): string {
  const { context } = session;
  const [command = '', what, handle] = words;
  if (words.length <= 2) return unknownCommand(command);
  if (words.length === 3 && what?.toLowerCase() === 'schedule' && handle !== undefined)
    return context.engine.schedules.cancel(handle) ? OK : TEXT_ERRORS.unknownSchedule;
  if (words.length > 3 || what?.toLowerCase() !== 'job' || handle === undefined)
    return TEXT_ERRORS.unknownError;
  const { engine } = context;
  const parked = engine.parking?.find(handle) ?? 0;
  if (parked > 0) {
    session.recall(parked);
    return WAITS;
  }
  return engine.cancel(handle) ? OK : TEXT_ERRORS.unknownJob;
}
