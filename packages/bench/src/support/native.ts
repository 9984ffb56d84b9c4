import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SOURCES = new URL('../../native/', import.meta.url);
const BINARIES = new URL('../native/', import.meta.url);

/** The programs of this package that are written in C. */
export type NativeProgram = 'client' | 'echo-worker';

/** Compiles a program, and returns its path; undefined where there is no compiler or no libgearman. */
export function compile(program: NativeProgram): string | undefined {
  mkdirSync(BINARIES, { recursive: true });
  const output = fileURLToPath(new URL(program, BINARIES));
  const source = fileURLToPath(new URL(`${program}.c`, SOURCES));
  try {
    execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-o', output, source, '-lgearman'], { stdio: 'pipe' });
    return output;
  } catch (error) {
    const { stderr } = error as { readonly stderr?: Buffer };
    const reason = stderr?.toString().split('\n')[0] ?? String(error);
    process.stdout.write(
      `SKIPPED: ${program}.c does not compile (apt-get install libgearman-dev gcc): ${reason}\n`,
    );
    return undefined;
  }
}
