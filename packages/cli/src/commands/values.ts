import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../duration.ts';

/** Parser of an option that is a duration; gives milliseconds. */
export function duration(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs === undefined)
    throw new InvalidArgumentError('Say how long with its unit: 500ms, 10s, 5m, 1h.');
  return durationMs;
}

/** Parser of an option that is a moment. */
export function time(text: string): Date {
  const moment = new Date(text);
  if (!/^\d{4}-\d\d-\d\d(T|$)/.test(text) || Number.isNaN(moment.getTime())) {
    throw new InvalidArgumentError('Say when as 2030-01-31T08:00 or 2030-01-31T08:00Z.');
  }
  return moment;
}

const UNITS_BYTES: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Parser of an option that is a size; gives bytes. */
export function size(text: string): number {
  const [, digits, unit = ''] = /^(\d+)([kmg]?)$/i.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS_BYTES[unit.toLowerCase()] ?? Number.NaN);
  if (!Number.isSafeInteger(bytes)) throw new InvalidArgumentError('Say how many bytes: 100, 64k, 1m.');
  return bytes;
}

/** Parser of an option that is a whole number. */
export function count(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      const range = max === Number.MAX_SAFE_INTEGER ? `not below ${min}` : `from ${min} to ${max}`;
      throw new InvalidArgumentError(`It must be a whole number ${range}.`);
    }
    return value;
  };
}

/** Parser of an option that is a regular expression. */
export function pattern(text: string): RegExp {
  try {
    return new RegExp(text, 'u');
  } catch {
    // biome-ignore lint/style/useErrorCause: commander's error has no place for one
    throw new InvalidArgumentError('It must be a regular expression.');
  }
}
