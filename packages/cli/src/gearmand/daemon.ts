import { spawn } from 'node:child_process';
import { EXIT, type ExitCode, FatalError } from './exit-code.ts';

/** Set for the process that a daemon's parent starts. */
const MARK = 'GEARMAND_IN_BACKGROUND';

/** What the background process tells the one that waits for it. */
export type Report = { readonly ready: string } | { readonly failed: string; readonly exitCode: ExitCode };

/** True in the process that a daemon's parent has started. */
export const isBackground = (): boolean => process.env[MARK] === '1' && process.send !== undefined;

/**
 * Starts the same command in the background and resolves with the line that it prints when its port is open.
 *
 * @throws FatalError what the background process failed with
 */
export function startInBackground(args: readonly string[]): Promise<string> {
  const script = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, script, ...args], {
    detached: true,
    env: { ...process.env, [MARK]: '1' },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error) =>
      reject(new FatalError(error.message, { exitCode: EXIT.runtime, cause: error })),
    );
    // Comes after the last message. 'exit' may come before it.
    child.once('disconnect', () =>
      reject(new FatalError('the background process ended early', { exitCode: EXIT.runtime })),
    );
    child.once('message', (message) => {
      // Only the other half of this file sends.
      const report = message as Report;
      child.unref();
      if ('ready' in report) resolve(report.ready);
      else reject(new FatalError(report.failed, report));
    });
  });
}

/** Tells the process that waits, and lets it go. */
export function reportToForeground(report: Report): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(report, undefined, {}, () => {
      if (process.connected) process.disconnect();
      resolve();
    });
  });
}
