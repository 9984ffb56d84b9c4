import { rmSync, writeFileSync } from 'node:fs';

/** Writes the process id, and removes the file when the process ends. @throws Error when it cannot be written */
export function keepPidFile(path: string): void {
  rmSync(path, { force: true });
  writeFileSync(path, `${process.pid}\n`, { mode: 0o744 });
  process.once('exit', () => rmSync(path, { force: true }));
}
