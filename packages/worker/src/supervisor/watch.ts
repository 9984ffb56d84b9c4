import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '@gearman/events';

/** Editors write a file in several steps, and tools many files. */
const SETTLE_MS = 150;
/** Enough for any module; whoever has more watches what he should not. */
const MAX_FOLDERS = 1000;

/** Calls back when files in folders, or below them, have changed. */
export class FileWatch implements Disposable {
  readonly #onChange: () => void;
  readonly #clock: Clock;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #roots: readonly string[];
  #timer: Timer | undefined;

  constructor(folders: readonly string[], clock: Clock, onChange: () => void) {
    this.#roots = folders;
    this.#clock = clock;
    this.#onChange = onChange;
    this.#look();
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Starts to watch what is new. */
  #look(): void {
    const left = [...this.#roots];
    for (let folder = left.shift(); folder !== undefined; folder = left.shift()) {
      if (this.#watchers.size >= MAX_FOLDERS && !this.#watchers.has(folder)) return;
      this.#watch(folder);
      left.push(...foldersIn(folder));
    }
  }

  #watch(folder: string): void {
    if (this.#watchers.has(folder)) return;
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#onEvent());
      watcher.on('error', () => this.#forget(folder));
      this.#watchers.set(folder, watcher);
    } catch {
      // It has just gone; what is left of it is watched from above.
    }
  }

  #forget(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  #onEvent(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(SETTLE_MS, () => {
      this.#look();
      this.#onChange();
    });
  }
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((found) => found.isDirectory() && found.name !== 'node_modules' && !found.name.startsWith('.'))
      .map(({ name }) => join(folder, name));
  } catch {
    return [];
  }
}
