import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, cpus, loadavg, release, totalmem, type } from 'node:os';

/** Where a run took place. */
export interface Machine {
  readonly system: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly node: string;
  /** How much else was going on at the start: runnable processes, over one minute. */
  readonly load: number;
}

export function machine(): Machine {
  const processors = cpus();
  return {
    system: `${type()} ${release()} ${arch()}`,
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    node: process.version,
    load: loadavg()[0] ?? 0,
  };
}

/** The version of an installed package of npm. */
export function packageVersion(name: string): string {
  const require = createRequire(import.meta.url);
  // Some packages do not let their package.json be required.
  const paths = require.resolve.paths(name) ?? [];
  for (const path of paths) {
    try {
      return (JSON.parse(readFileSync(`${path}/${name}/package.json`, 'utf8')) as { version: string })
        .version;
    } catch {
      // In none of the folders so far.
    }
  }
  return 'unknown';
}

/** The first version number that a program prints; undefined when there is no such program. */
export function programVersion(program: string, ...args: readonly string[]): string | undefined {
  try {
    const text = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return /\d+(\.\d+)+/.exec(text)?.[0] ?? text.trim();
  } catch {
    return undefined;
  }
}
