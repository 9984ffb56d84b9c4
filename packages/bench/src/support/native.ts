import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SOURCES = new URL('../../native/', import.meta.url);
const BINARIES = new URL('../../dist/native/', import.meta.url);

/** The programs of this package that are written in C; only the load generator does without libgearman. */
export type NativeProgram = 'client' | 'echo-worker' | 'load';

const compiled = new Map<NativeProgram, string | undefined>();

/** Compiles a program, once, and returns its path; undefined where there is no compiler or no libgearman. */
export function compile(program: NativeProgram): string | undefined {
  if (!compiled.has(program)) compiled.set(program, compileNow(program));
  return compiled.get(program);
}

function compileNow(program: NativeProgram): string | undefined {
  mkdirSync(BINARIES, { recursive: true });
  const output = fileURLToPath(new URL(program, BINARIES));
  const needs = program === 'load' ? 'gcc' : 'libgearman-dev gcc';
  const library = program === 'load' ? [] : ['-lgearman'];
  try {
    // Another process may be running it, or compiling it, too.
    const fresh = `${output}-${process.pid}`;
    const args = ['-O2', '-Wall', '-Wextra', '-o', fresh, ...sourcesOf(program), ...library];
    execFileSync('cc', args, { stdio: 'pipe' });
    renameSync(fresh, output);
    return output;
  } catch (error) {
    const { stderr } = error as { readonly stderr?: Buffer };
    const reason = stderr?.toString().split('\n')[0] ?? String(error);
    process.stdout.write(`SKIPPED: ${program} does not compile (apt-get install ${needs}): ${reason}\n`);
    return undefined;
  }
}

function sourcesOf(program: NativeProgram): string[] {
  if (program !== 'load') return [fileURLToPath(new URL(`${program}.c`, SOURCES))];
  const folder = new URL('load/', SOURCES);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.c'))
    .map((name) => fileURLToPath(new URL(name, folder)));
}
