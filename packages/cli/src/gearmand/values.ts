import { LOG_LEVELS, type LogLevel } from '@gearman/server';
import { InvalidArgumentError } from 'commander';

const LARGEST_PORT = 65_535;

/** A parser for whole numbers in decimal digits. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const range = max === Number.MAX_SAFE_INTEGER ? `not below ${min}` : `from ${min} to ${max}`;
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a whole number ${range}.`);
    return value;
  };
}

/** A port number; of all the names of services only that of Gearman is known. */
export const port = (text: string): number => (text === 'gearman' ? 4730 : integer(0, LARGEST_PORT)(text));

export function logLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((name) => name === text.toUpperCase());
  if (level === undefined) throw new InvalidArgumentError(`It must be one of ${LOG_LEVELS.join(', ')}.`);
  return level;
}

export const wakeup = (text: string): number | 'auto' => (text === 'auto' ? 'auto' : integer(0)(text));

export function logFormat(text: string): 'text' | 'json' {
  if (text !== 'text' && text !== 'json') throw new InvalidArgumentError('It must be text or json.');
  return text;
}

export function protocol(text: string): 'http' {
  if (text.toLowerCase() !== 'http') throw new InvalidArgumentError('It must be http; there is no other.');
  return 'http';
}

export function clientCertificates(text: string): 'require' | 'none' {
  if (text !== 'require' && text !== 'none') throw new InvalidArgumentError('It must be require or none.');
  return text;
}

/** Seconds, or -1. */
export const idleSeconds = (text: string): number => (text === '-1' ? -1 : integer(1)(text));

export const list = (text: string, before: readonly string[] = []): string[] => [...before, text];

export function nonEmpty(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}
