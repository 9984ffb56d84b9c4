import { readFileSync } from 'node:fs';
import { type Given, parseArguments } from './command-line.ts';
import { EXIT, FatalError } from './exit-code.ts';

const DEFAULT_FILE = '/etc/gearmand.conf';

/**
 * Adds what the configuration file says; what the command line says wins.
 *
 * The file holds options as on a command line, separated by blanks or line ends, without quotes and comments.
 *
 * @throws FatalError when a file that was asked for cannot be read
 */
export function withConfigFile(given: Given): Given {
  const text = read(given.values['config-file']);
  const words = text.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return given;
  const file = parseArguments(words);
  return {
    values: { ...file.values, ...given.values },
    warnings: [...file.warnings, ...given.warnings],
  };
}

function read(file: string | undefined): string {
  try {
    return readFileSync(file ?? DEFAULT_FILE, 'utf8');
  } catch (error) {
    if (file === undefined && isMissing(error)) return '';
    throw new FatalError(`the configuration file cannot be read: ${String(error)}`, {
      exitCode: EXIT.usage,
      cause: error,
    });
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES');
