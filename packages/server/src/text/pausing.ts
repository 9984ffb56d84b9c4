import type { Engine } from '../engine/engine.ts';
import { OWN_ERRORS, REFUSALS } from '../handlers/refusals.ts';
import { incomplete, OK, refused, TEXT_ERRORS } from './text-error.ts';

/** `pause function NAME`, `pause schedule HANDLE`. A function that is not known yet is made. */
export function pause(engine: Engine, words: readonly string[]): string {
  const { what, name } = objectOf(words);
  if (what === 'function') return engine.pause(name) ? OK : refused(OWN_ERRORS.tooManyFunctions);
  if (what === 'schedule') return engine.schedules.pause(name) ? OK : TEXT_ERRORS.unknownSchedule;
  return incomplete('pause');
}

/** `resume function NAME`, `resume schedule HANDLE`. */
export function resume(engine: Engine, words: readonly string[]): string {
  const { what, name } = objectOf(words);
  if (what === 'function') return engine.resume(name) ? OK : TEXT_ERRORS.functionNotFound;
  if (what === 'schedule') return engine.schedules.resume(name) ? OK : TEXT_ERRORS.unknownSchedule;
  return incomplete('resume');
}

/** `run schedule HANDLE` */
export function run(engine: Engine, words: readonly string[]): string {
  const { what, name } = objectOf(words);
  if (what !== 'schedule') return incomplete('run');
  const outcome = engine.schedules.run(name);
  if (outcome === 'submitted') return OK;
  if (outcome === 'unknown') return TEXT_ERRORS.unknownSchedule;
  return outcome === 'overlaps' ? TEXT_ERRORS.overlaps : refused(REFUSALS[outcome].error);
}

/** What a command of three words is about. */
function objectOf(words: readonly string[]): { readonly what: string | undefined; readonly name: string } {
  const [, what, name = ''] = words;
  return { what: words.length === 3 ? what?.toLowerCase() : undefined, name };
}
