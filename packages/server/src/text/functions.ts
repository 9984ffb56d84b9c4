import { leadingInteger } from '../decimal.ts';
import type { Engine } from '../engine/engine.ts';
import { createFailed, incomplete, OK, TEXT_ERRORS } from './text-error.ts';

const LARGEST_LIMIT = 2 ** 31 - 1;

/** `maxqueue FUNCTION [SIZE | HIGH NORMAL LOW]`: one size for all, none for no limit; two leave low unlimited. */
export function maxQueue(engine: Engine, words: readonly string[]): string {
  const [, name, high, normal, low] = words;
  if (name === undefined) return incomplete('maxqueue');
  const first = toLimit(high);
  engine.setMaxQueue(
    name,
    normal === undefined ? [first, first, first] : [first, toLimit(normal), toLimit(low)],
  );
  return OK;
}

/** 0 for no limit: left out, not a number, or not above 0. */
function toLimit(word: string | undefined): number {
  const limit = leadingInteger(word ?? '') ?? LARGEST_LIMIT;
  return limit > 0 ? limit : 0;
}

/** `create function NAME` */
export function createFunction(engine: Engine, words: readonly string[]): string {
  const [, what, name] = words;
  if (words.length !== 3 || name === undefined || what?.toLowerCase() !== 'function')
    return incomplete('create');
  return engine.createFunction(name) ? OK : createFailed(name);
}

/** `drop function NAME`: the letter case counts only if there is a function of exactly that name. */
export function dropFunction(engine: Engine, words: readonly string[]): string {
  const [, what, name] = words;
  if (words.length !== 3 || name === undefined || what?.toLowerCase() !== 'function')
    return incomplete('drop');
  const names = engine.functionNames(name);
  if (names.length === 0) return TEXT_ERRORS.functionNotFound;
  return names.map((each) => DROP_ANSWERS[engine.dropFunction(each)]).join('');
}

const DROP_ANSWERS = {
  dropped: OK,
  'in-use': TEXT_ERRORS.functionInUse,
  'has-jobs': TEXT_ERRORS.functionHasJobs,
  unknown: TEXT_ERRORS.functionNotFound,
} as const;
