import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Mounts a disk in memory and returns its folder; undefined where that is not permitted. */
function mount(options: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'gearmand-disk-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]).status === 0) return folder;
  rmdirSync(folder);
  return undefined;
}

function unmount(folder: string): void {
  execFileSync('umount', ['--lazy', folder]);
  rmdirSync(folder);
}

/** True where this process may mount disks: root on Linux, outside most containers. */
export function canMount(): boolean {
  const folder = mount('size=4k');
  if (folder !== undefined) unmount(folder);
  return folder !== undefined;
}

/** The folder of a disk of this size, which is gone at the end of the test. */
export function smallDisk(options: string): string {
  const folder = mount(options);
  if (folder === undefined) throw new Error('disks cannot be mounted here');
  onTestFinished(() => unmount(folder));
  return folder;
}
