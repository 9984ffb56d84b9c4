import { randomUUID } from 'node:crypto';
import { link, readFile, readlink, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock, Timer } from './clock.ts';

/** Who holds a lock: enough to find out whether it still lives. */
interface Holder {
  readonly token: string;
  readonly pid: number;
  /** When the process started, in clock ticks since the machine did: a pid is used again. */
  readonly startedAt: string;
  /** This run of this machine, and this pid namespace: where `pid` means something. */
  readonly place: string;
  readonly host: string;
}

const BEAT_MS = 2_000;
const SILENT_MS = 10_000;

/**
 * Keeps a directory to one process. Node has no `flock`, so it is a file that names its holder. A holder on the same
 * machine is looked up by its pid, so that a restart after a crash does not wait; one that cannot be looked up, in another
 * container or on another machine, is alive while it touches the file every 2 s.
 */
export class DirectoryLock {
  readonly #path: string;
  readonly #token: string;
  #beat: Timer | undefined;

  private constructor(path: string, token: string) {
    this.#path = path;
    this.#token = token;
  }

  /**
   * @param locked makes the error that the promise rejects with when another process holds it, whose name it is given
   */
  static async take(
    directory: string,
    clock: Clock,
    locked: (holder: string) => Error,
  ): Promise<DirectoryLock> {
    const me = await describeMe();
    const lock = new DirectoryLock(join(directory, 'lock'), me.token);
    const draft = `${lock.#path}.${me.token}`;
    await writeFile(draft, JSON.stringify(me), { mode: 0o640 });
    try {
      await lock.#claim(draft, me, locked);
    } finally {
      await unlink(draft);
    }
    lock.#keepBeating(clock);
    return lock;
  }

  async release(): Promise<void> {
    this.#beat?.cancel();
    if ((await readHolder(this.#path))?.token === this.#token) await unlink(this.#path);
  }

  async #claim(draft: string, me: Holder, locked: (holder: string) => Error): Promise<void> {
    for (;;) {
      if (await linked(draft, this.#path)) return;
      const holder = await readHolder(this.#path);
      if (holder !== undefined && (await isAlive(holder, me, this.#path))) {
        throw locked(nameOf(holder));
      }
      await this.#takeAway(holder);
    }
  }

  /** Removes a dead holder's file; what turns out to be somebody else's by now is put back. */
  async #takeAway(holder: Holder | undefined): Promise<void> {
    const aside = `${this.#path}.old.${this.#token}`;
    try {
      await rename(this.#path, aside);
    } catch {
      return;
    }
    const moved = await readHolder(aside);
    if (moved?.token !== holder?.token) await linked(aside, this.#path);
    await unlink(aside);
  }

  #keepBeating(clock: Clock): void {
    const beat = (): void => {
      const now = new Date();
      // A lock whose file was taken away is noticed by who took it, not here.
      utimes(this.#path, now, now).catch(() => {});
      this.#beat = clock.setTimer(BEAT_MS, beat, { unref: true });
    };
    this.#beat = clock.setTimer(BEAT_MS, beat, { unref: true });
  }
}

/** Who has a directory, or left its lock there. */
export interface FoundHolder {
  readonly token: string;
  /** `process 4711 on jobs-1` */
  readonly name: string;
  /** False when it ended without giving the lock back, as a crash does. */
  readonly isAlive: boolean;
}

/** Looks without taking anything; undefined when there is no lock, as after an orderly end. */
export async function findHolder(directory: string): Promise<FoundHolder | undefined> {
  const path = join(directory, 'lock');
  const holder = await readHolder(path);
  if (holder === undefined) return undefined;
  try {
    return {
      token: holder.token,
      name: nameOf(holder),
      isAlive: await isAlive(holder, await describeMe(), path),
    };
  } catch (error) {
    // Given back at this moment.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const nameOf = ({ pid, host }: Holder): string => `process ${pid} on ${host}`;

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    // Written by `take`; a damaged file is nobody's.
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

async function isAlive(holder: Holder, me: Holder, path: string): Promise<boolean> {
  if (holder.place !== me.place) return Date.now() - (await stat(path)).mtimeMs < SILENT_MS;
  if (holder.pid === me.pid) return holder.startedAt === me.startedAt;
  return (await startOf(holder.pid)) === holder.startedAt;
}

async function describeMe(): Promise<Holder> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  return {
    token: randomUUID(),
    pid: process.pid,
    startedAt: (await startOf(process.pid)) ?? '',
    place: `${hostname()} ${boot.trim()} ${namespace}`,
    host: hostname(),
  };
}

/** When a process started; undefined when there is none. Where there is no /proc, `''` for any that lives. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const line = await readFile(`/proc/${pid}/stat`, 'utf8');
    const [state, ...rest] = line.slice(line.lastIndexOf(')') + 2).split(' ');
    // A zombie has let go of its files.
    return state === 'Z' ? undefined : rest[18];
  } catch {
    if (process.platform === 'linux') return undefined;
  }
  try {
    process.kill(pid, 0);
    return '';
  } catch {
    return undefined;
  }
}
