import { readFileSync } from 'node:fs';
import type { ServerOptions } from '@gearman/server';
import { EXIT, FatalError } from './exit-code.ts';
import type { OptionValues } from './working-options.ts';

const MS_PER_DAY = 86_400_000;

/**
 * What holds for the jobs of single functions, and which dead ones are kept. What stands in the file is checked by the
 * server.
 *
 * @throws FatalError when the file cannot be read, or is no JSON
 */
export function jobRules(values: OptionValues): Pick<ServerOptions, 'functions' | 'dead'> {
  const { functions: file, 'dead-letters': keepsDead, 'dead-max': max, 'dead-max-age': days } = values;
  return {
    functions: file === undefined ? undefined : readFunctions(file),
    dead:
      keepsDead === true ? { max, maxAgeMs: days === undefined ? undefined : days * MS_PER_DAY } : undefined,
  };
}

export function jobRulesWarnings(values: OptionValues): string[] {
  if (values['dead-letters'] === true) return [];
  return (['dead-max', 'dead-max-age'] as const)
    .filter((name) => values[name] !== undefined)
    .map((name) => `--${name} has no effect without --dead-letters`);
}

function readFunctions(file: string): ServerOptions['functions'] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ServerOptions['functions'];
  } catch (error) {
    const problem =
      error instanceof SyntaxError ? `is no JSON: ${error.message}` : `cannot be read: ${String(error)}`;
    throw new FatalError(`--functions: ${file} ${problem}`, { exitCode: EXIT.usage, cause: error });
  }
}
