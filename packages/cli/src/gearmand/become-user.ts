import { execFileSync } from 'node:child_process';
import { EXIT, FatalError } from './exit-code.ts';

/** Gives up the rights of root for those of this user and its groups. @throws FatalError when that fails */
export function becomeUser(name: string): void {
  const { setuid, setgid, setgroups } = process;
  const exitCode = EXIT.runtime;
  if (setuid === undefined || setgid === undefined || setgroups === undefined)
    throw new FatalError('--user: this system has no users to change to', { exitCode });
  try {
    setgroups(idsOf(name, '-G'));
    for (const group of idsOf(name, '-g')) setgid(group);
    setuid(name);
  } catch (error) {
    throw new FatalError(`--user: cannot become "${name}": ${String(error)}`, { exitCode, cause: error });
  }
}

/** Node.js looks names of users up, but does not tell their groups. */
function idsOf(name: string, which: '-g' | '-G'): number[] {
  const ids = execFileSync('id', [which, '--', name], { encoding: 'utf8', stdio: 'pipe' });
  return ids.trim().split(' ').map(Number);
}
