import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startProgram } from '../support/processes.ts';

/** A worker of some library, as a program. */
export interface Contender {
  readonly name: string;
  /** One that goes for the goal of beating other libraries of npm. */
  readonly npm: boolean;
  start(port: number, functionName: 'echo' | 'stamp'): Promise<ChildProcess>;
}

/** @param native the path of libgearman's worker, if it could be compiled */
export function contendersOf(concurrency: string, native: string | undefined): readonly Contender[] {
  const node = (name: string, script: string, npm: boolean, ...more: readonly string[]): Contender => ({
    name,
    npm,
    start: (port, functionName) => {
      const path = fileURLToPath(new URL(`${script}.js`, import.meta.url));
      // Old libraries use what Node warns of at each start.
      const options = npm ? ['--no-deprecation'] : [];
      const command = [process.execPath, ...options, path];
      return startProgram([...command, String(port), concurrency, functionName, ...more]);
    },
  });
  const libgearman: Contender[] =
    native === undefined
      ? []
      : [
          {
            name: 'libgearman',
            npm: false,
            start: (port, functionName) => startProgram([native, String(port), functionName]),
          },
        ];
  return [
    node('@gearman/worker', 'ours', false),
    ...libgearman,
    node('@gearman/worker, async handler', 'ours', false, 'async'),
    node('abraxas', 'abraxas', true),
    node('gearmanode', 'gearmanode', true),
  ];
}
