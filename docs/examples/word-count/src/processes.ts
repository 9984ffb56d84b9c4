import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const STOP_TIMEOUT_MS = 10_000;
const MAX_RESTARTS = 20;

/** A job server in a process of its own, on a free port. */
export interface ServerProcess {
  /** Where it listens: `host:port`. */
  readonly servers: string;
  stop(): Promise<void>;
}

export async function startServer(): Promise<ServerProcess> {
  const child = forkModule('server.js', {});
  const ready = once(child, 'message') as Promise<[{ servers: string }]>;
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`the job server ended with ${String(code)} before it listened`);
  });
  const [{ servers }] = await Promise.race([ready, gone]);
  gone.catch(() => {});
  return { servers, stop: () => stopChild(child) };
}

/** Worker processes, each started again when it ends by accident. */
export class WorkerTeam {
  readonly #servers: string;
  readonly #onGiveUp: (error: Error) => void;
  /** Resolves when every worker of the first start is connected. */
  readonly ready: Promise<unknown>;
  #children: ChildProcess[] = [];
  #stopping = false;
  #restarts = 0;
  #kills = 0;

  /** `onGiveUp` hears when workers keep ending and no more are started. */
  constructor(servers: string, size: number, onGiveUp: (error: Error) => void) {
    this.#servers = servers;
    this.#onGiveUp = onGiveUp;
    for (let index = 0; index < size; index++) this.#start(index);
    this.ready = Promise.all(this.#children.map((child) => once(child, 'message')));
  }

  /** How many workers had to be started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Kills a worker without warning, as a crash would: each in its turn. */
  killNext(): void {
    this.#children[this.#kills++ % this.#children.length]?.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#children.map(stopChild));
  }

  #start(index: number): void {
    const child = forkModule('worker.js', {
      GEARMAN_SERVERS: this.#servers,
      WORD_COUNT_WORKER: String(index + 1),
    });
    this.#children[index] = child;
    child.once('exit', (code, signal) => {
      if (this.#stopping) return;
      if (this.#restarts >= MAX_RESTARTS) {
        this.#onGiveUp(
          new Error(`worker ${index + 1} keeps ending (${signal ?? `exit code ${String(code)}`})`),
        );
        return;
      }
      this.#restarts++;
      this.#start(index);
    });
  }
}

function forkModule(file: string, env: Record<string, string>): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), { env: { ...process.env, ...env } });
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  const kill = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  child.kill('SIGTERM');
  await exited;
  clearTimeout(kill);
}
