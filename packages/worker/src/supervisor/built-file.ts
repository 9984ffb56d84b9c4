/**
 * A compiled file of this package, which a process or a thread can start from. These sources and what was compiled from
 * them lie equally deep, so one path fits both: tests that run from the sources start what was built.
 */
export function builtFile(path: string): URL {
  return new URL(`../../dist/${path}`, import.meta.url);
}
