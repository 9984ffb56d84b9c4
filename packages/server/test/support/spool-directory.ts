import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A directory for large payloads that is gone after the test. */
export function spoolDirectory(): { readonly directory: string; files(): string[] } {
  const root = mkdtempSync(join(tmpdir(), 'gearman-spool-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const directory = join(root, 'spool');
  return { directory, files: () => readdirSync(directory).filter((name) => name.startsWith('payload-')) };
}

/** Files in a directory that this process has open; none where that cannot be told. */
export function openFilesIn(directory: string): string[] {
  if (process.platform !== 'linux') return [];
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return targets.filter((target) => target.startsWith(directory));
}

/** Bytes in which every place can be told from the others. */
export function largePayload(bytes: number, seed = 1): Buffer {
  const payload = Buffer.alloc(bytes);
  let state = seed;
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    payload[at] = state >>> 24;
  }
  return payload;
}
