import { dirname } from 'node:path';
import type { Syscall } from './strace.ts';

const DIRECTORY = 'directory';
type Entry = number | typeof DIRECTORY;

/** Something that happened to the files below a folder. Times are those of the calls. */
export type DiskStep =
  | {
      readonly type: 'write';
      readonly at: number;
      readonly endedAt: number;
      readonly file: number;
      readonly position: number;
      readonly bytes: Buffer;
    }
  /** What had been written to the file before `since` is on the disk from `at` on. */
  | { readonly type: 'sync'; readonly at: number; readonly since: number; readonly file: number }
  | {
      readonly type: 'names';
      readonly at: number;
      readonly endedAt: number;
      readonly directory: string;
      /** What each of these paths is now; undefined is nothing. They change together or not at all. */
      readonly entries: readonly (readonly [path: string, entry: Entry | undefined])[];
    }
  | { readonly type: 'sync-names'; readonly at: number; readonly since: number; readonly directory: string };

type Open =
  | { readonly type: 'file'; readonly file: number; position: number }
  | { readonly type: 'directory'; readonly path: string };

/** Calls that do nothing to a file, or nothing that a cut can undo. */
const HARMLESS = new Set(['read', 'readv', 'close']);

/** What calls did to the files below `root`, in order of time. */
export function diskSteps(calls: readonly Syscall[], root: string): DiskStep[] {
  return new Reader(root).read(calls);
}

class Reader {
  readonly #root: string;
  readonly #steps: DiskStep[] = [];
  readonly #open = new Map<number, Open>();
  readonly #names = new Map<string, Entry>();
  #files = 0;

  constructor(root: string) {
    this.#root = root;
  }

  read(calls: readonly Syscall[]): DiskStep[] {
    const ending = [...calls].sort((a, b) => a.endedAt - b.endedAt);
    let ended = 0;
    for (const call of calls) {
      for (
        let other = ending[ended];
        other !== undefined && other.endedAt < call.startedAt;
        other = ending[++ended]
      )
        this.#ends(other);
      this.#starts(call);
    }
    for (const call of ending.slice(ended)) this.#ends(call);
    return this.#steps.sort((a, b) => a.at - b.at);
  }

  /** What a call does may be done from its start on. */
  #starts(call: Syscall): void {
    if (call.result !== undefined && call.result < 0) return;
    const { name, fd } = call;
    if (name === 'close') {
      this.#open.delete(fd);
      return;
    }
    const paths = call.strings.map(String);
    const [path = '', to = ''] = paths;
    if (!Number.isNaN(fd)) {
      this.#touches(call);
      return;
    }
    if (name === 'openat') return;
    if (!this.#isOurs(path) && !this.#isOurs(to)) return;
    if (name === 'mkdir') this.#name(call, path, DIRECTORY);
    else if (name === 'unlink') this.#name(call, path, undefined);
    else if (name === 'link') this.#name(call, to, this.#entry(path));
    else if (name === 'rename') this.#rename(call, path, to);
    else throw new Error(`${name} of ${path} is not understood`);
  }

  /** A call on an open file. */
  #touches(call: Syscall): void {
    const open = this.#open.get(call.fd);
    const { name } = call;
    if (open === undefined || HARMLESS.has(name)) return;
    const { startedAt: since, endedAt: at } = call;
    if (name === 'fsync' || name === 'fdatasync') {
      if (at === Number.POSITIVE_INFINITY) return;
      if (open.type === 'file') this.#steps.push({ type: 'sync', at, since, file: open.file });
      else this.#steps.push({ type: 'sync-names', at, since, directory: open.path });
      return;
    }
    if (open.type !== 'file' || !['write', 'writev', 'pwrite64', 'pwritev'].includes(name))
      throw new Error(`${name} of a file is not understood`);
    const bytes = Buffer.concat(call.strings).subarray(0, call.result);
    const isPlaced = name.startsWith('p');
    const position = isPlaced
      ? Number(/(\d+)\)\s*(=|$)/.exec(call.rest)?.[1] ?? lastNumber(call.rest))
      : open.position;
    if (!isPlaced) open.position += bytes.length;
    this.#steps.push({ type: 'write', at: since, endedAt: at, file: open.file, position, bytes });
  }

  #ends(call: Syscall): void {
    const { name, result = -1, strings, rest } = call;
    if (name !== 'openat' || result < 0) return;
    const path = String(strings[0]);
    if (!this.#isOurs(path)) return;
    let entry = this.#names.get(path);
    if (entry === undefined && rest.includes('O_CREAT')) {
      entry = ++this.#files;
      this.#name(call, path, entry);
    }
    if (rest.includes('O_TRUNC') && typeof entry === 'number') {
      // Only new files are opened like this: none of them has anything to lose.
      if (this.#steps.some((step) => step.type === 'write' && step.file === entry))
        throw new Error(`${path} is cut off, which is not understood`);
    }
    // What was there before, such as the folder of the test, is durable.
    if (entry === undefined || entry === DIRECTORY) this.#open.set(result, { type: 'directory', path });
    else this.#open.set(result, { type: 'file', file: entry, position: 0 });
  }

  #rename(call: Syscall, path: string, to: string): void {
    const entry = this.#entry(path);
    if (dirname(path) === dirname(to)) {
      this.#change(call, dirname(path), [
        [path, undefined],
        [to, entry],
      ]);
    } else {
      this.#name(call, to, entry);
      this.#name(call, path, undefined);
    }
  }

  #name(call: Syscall, path: string, entry: Entry | undefined): void {
    this.#change(call, dirname(path), [[path, entry]]);
  }

  #change(
    { startedAt: at, endedAt }: Syscall,
    directory: string,
    entries: readonly (readonly [string, Entry | undefined])[],
  ): void {
    for (const [path, entry] of entries) {
      if (entry === undefined) this.#names.delete(path);
      else this.#names.set(path, entry);
    }
    this.#steps.push({ type: 'names', at, endedAt, directory, entries });
  }

  #entry(path: string): Entry {
    const entry = this.#names.get(path);
    if (entry === undefined) throw new Error(`${path} was never made`);
    return entry;
  }

  #isOurs(path: string): boolean {
    return path === this.#root || path.startsWith(`${this.#root}/`);
  }
}

function lastNumber(text: string): string {
  return /(\d+)\s*$/.exec(text)?.[1] ?? '';
}
