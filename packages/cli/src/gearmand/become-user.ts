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

/** Does something with the rights of this user, so that files belong to it, and then has those of root again. */
export async function actAs<T>(name: string, work: () => Promise<T>): Promise<T> {
  const { seteuid, setegid } = process;
  if (seteuid === undefined || setegid === undefined || process.getuid?.() !== 0) return work();
  try {
    for (const group of idsOf(name, '-g')) setegid(group);
    seteuid(name);
  } catch (error) {
    const exitCode = EXIT.runtime;
    throw new FatalError(`--user: cannot become "${name}": ${String(error)}`, { exitCode, cause: error });
  }
  try {
    return await work();
  } finally {
    seteuid(0);
    setegid(0);
  }
}

/** Node.js looks names of users up, but does not tell their groups. */
function idsOf(name: string, which: '-g' | '-G'): number[] {
  const ids = execFileSync('id', [which, '--', name], { encoding: 'utf8', stdio: 'pipe' });
  return ids.trim().split(' ').map(Number);
}
