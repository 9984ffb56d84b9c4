import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { EXIT, FatalError } from './exit-code.ts';

/** Writes the process id, and removes the file when the process ends. @throws FatalError when it cannot */
export function writePidFile(file: string): void {
  const text = `${process.pid}\n`;
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new FatalError(`the pid file cannot be written: ${String(error)}`, {
      exitCode: EXIT.runtime,
      cause: error,
    });
  }
  process.once('exit', () => {
    try {
      // Somebody may have started another server with the same file.
      if (readFileSync(file, 'utf8') === text) rmSync(file);
    } catch {
      // It is gone, or --user has given up the right to remove it.
    }
  });
}
