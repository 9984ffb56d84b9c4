import { spawn } from 'node:child_process';
import { parseClassicArguments } from './arguments.ts';
import { complain } from './complain.ts';
import { keepPidFile } from './pid-file.ts';
import { usageText } from './usage.ts';

/** Set for the process that `-d` starts. */
const MARK = 'GEARMAN_IN_BACKGROUND';

/** The command line of the C tool `gearman`: bytes in, bytes out, exit codes as there. */
export async function runClassic(args: readonly string[]): Promise<void> {
  const given = parseClassicArguments(args);
  if (given.usage || given.problem !== undefined) {
    const stream = given.problem === undefined ? process.stdout : process.stderr;
    stream.write(usageText(given));
    process.exitCode = given.usage ? 0 : 1;
    return;
  }
  if (given.daemon && process.env[MARK] !== '1') {
    startInBackground(args);
    return;
  }
  try {
    if (given.pidFile !== undefined) keepPidFile(given.pidFile);
  } catch (error) {
    complain(error);
    process.exitCode = 1;
    return;
  }
  if (given.worker) {
    const { runWorker } = await import('./worker-mode.ts');
    await runWorker(given);
  } else {
    const { runClient } = await import('./client-mode.ts');
    process.exitCode = await runClient(given);
  }
}

function startInBackground(args: readonly string[]): void {
  const script = process.argv[1] ?? '';
  const env = { ...process.env, [MARK]: '1' };
  spawn(process.execPath, [...process.execArgv, script, ...args], {
    detached: true,
    stdio: 'ignore',
    env,
  }).unref();
}
