import { readFileSync } from 'node:fs';

/** The version of this package. Read when asked for: few runs of a command need it. */
export function readVersion(): string {
  // This file is compiled to `dist` and bundled into `bundle`; the manifest lies beside both.
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
    return String(manifest.version);
  throw new Error('package.json has no version');
}
