import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Answer, Memory, Question } from './messages.ts';

const PAGE_BYTES = 4096;

/** Another process, as a thing to ask. */
export class Peer {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #gone: Promise<never>;
  readonly #ready: Promise<Extract<Answer, { type: 'ready' }>>;

  /** Starts a module that ends with a call of `serve()`. */
  constructor(module: URL, servers: string, env: Readonly<Record<string, string>> = {}) {
    this.name = basename(module.pathname).replace('-process.js', '');
    this.#child = fork(fileURLToPath(module), {
      execArgv: ['--expose-gc'],
      env: { ...process.env, GEARMAN_SERVERS: servers, ...env },
    });
    this.#gone = new Promise((_, reject) => {
      this.#child.once('exit', () => reject(new Error(`the ${this.name} process ended`)));
    });
    this.#gone.catch(() => {});
    this.#ready = this.#next('ready');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get ready(): Promise<Extract<Answer, { type: 'ready' }>> {
    return this.#ready;
  }

  memory(): Promise<Memory> {
    const answer = this.#next('memory');
    this.#ask({ ask: 'memory' });
    return answer;
  }

  /** Resident memory, without asking the process, which may be busy. Linux only. */
  async residentBytes(): Promise<number> {
    const statm = await readFile(`/proc/${this.#child.pid}/statm`, 'latin1');
    return Number(statm.split(' ')[1]) * PAGE_BYTES;
  }

  run(jobs: number, window: number): Promise<Extract<Answer, { type: 'ran' }>> {
    const answer = this.#next('ran');
    this.#ask({ ask: 'run', jobs, window });
    return answer;
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#ask({ ask: 'stop' });
    await exited;
  }

  #ask(question: Question): void {
    this.#child.send(question);
  }

  async #next<T extends Answer['type']>(type: T): Promise<Extract<Answer, { type: T }>> {
    const waiting = new AbortController();
    const message = once(this.#child, 'message', { signal: waiting.signal }) as Promise<[Answer]>;
    try {
      const [answer] = await Promise.race([message, this.#gone]);
      if (answer.type !== type)
        throw new Error(`the ${this.name} process answered ${answer.type}, not ${type}`);
      // Its type was just compared.
      return answer as Extract<Answer, { type: T }>;
    } finally {
      message.catch(() => {});
      waiting.abort();
    }
  }
}

/** Our server in a process of its own, on a free port. */
export async function startServer(
  options: object = {},
): Promise<{ peer: Peer; address: string; port: number }> {
  const module = new URL('server-process.js', import.meta.url);
  const peer = new Peer(module, '', { SERVER_OPTIONS: JSON.stringify(options) });
  const { server: address = '' } = await peer.ready;
  return { peer, address, port: Number(address.split(':')[1]) };
}
