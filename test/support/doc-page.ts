import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer as createTcpServer } from 'node:net';
import { dirname } from 'node:path';
import { type DocBlock, needsServer, startsServer } from './doc-blocks.ts';
import { scriptOf } from './doc-compiler.ts';

/** The port that pages write; at run time it becomes a free one. */
const WRITTEN_PORT = /\b4730\b/g;
const BLOCK_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 3_000;

interface Run {
  readonly child: ChildProcess;
  readonly out: { stdout: string; stderr: string };
  readonly ended: Promise<void>;
}

/**
 * Runs the blocks of one page in order, as a reader would: one job server per page, and what a `keeps-running`
 * block started stays up until {@link DocPage.close}.
 */
export class DocPage {
  readonly #port: number;
  readonly #background: { readonly block: DocBlock; readonly run: Run }[] = [];
  #server: { close(): Promise<void> } | undefined;

  private constructor(port: number) {
    this.#port = port;
  }

  static async open(): Promise<DocPage> {
    return new DocPage(await freePort());
  }

  /** Runs a compiled block; rejects when it fails or takes too long. Returns the lines it printed. */
  async run(block: DocBlock): Promise<string[]> {
    await this.#prepareServer(block);
    const script = scriptOf(block);
    writeFileSync(script, readFileSync(script, 'utf8').replaceAll(WRITTEN_PORT, String(this.#port)));

    const run = start(script, `127.0.0.1:${this.#port}`);
    if (block.marker === 'keeps-running') {
      this.#background.push({ block, run });
      await within(hasPrinted(run, block.prints.length), run);
    } else {
      await within(run.ended, run);
      if (run.child.exitCode !== 0) throw failure(`ended with exit code ${run.child.exitCode}`, run);
    }
    return linesOf(run);
  }

  /** Ends everything that is still up; rejects when a block that should have kept running did not. */
  async close(): Promise<void> {
    const dead = this.#background.filter(({ run }) => run.child.exitCode !== null);
    await Promise.all(this.#background.map(({ run }) => stop(run)));
    await this.#server?.close();
    for (const { block, run } of dead) {
      throw failure(`the block in line ${block.line} is marked keeps-running, but ended`, run);
    }
  }

  /** A server at the page's port, unless the block brings one. */
  async #prepareServer(block: DocBlock): Promise<void> {
    if (startsServer(block)) {
      await this.#server?.close();
      this.#server = undefined;
    } else if (needsServer(block) && !(await accepts(this.#port))) {
      const { createServer } = await import('@gearman/server');
      const server = createServer();
      await server.listen({ host: '127.0.0.1', port: this.#port });
      this.#server = server;
    }
  }
}

/** Replaces each line that fits its promise by the promise, in which `…` stands for any text. */
export function alignWith(lines: readonly string[], promised: readonly string[]): string[] {
  return lines.map((line, i) => {
    const promise = promised[i];
    return promise !== undefined && patternOf(promise).test(line) ? promise : line;
  });
}

const patternOf = (promise: string): RegExp =>
  new RegExp(
    `^${promise
      .split('…')
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  );

function start(script: string, servers: string): Run {
  const child = spawn(process.execPath, [script], {
    cwd: dirname(script),
    // Not our own environment: the test runner's variables are none of the example's business.
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1', GEARMAN_SERVERS: servers },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    out.stderr += text;
  });
  return { child, out, ended: once(child, 'close').then(() => undefined) };
}

const linesOf = ({ out }: Run): string[] => (out.stdout === '' ? [] : out.stdout.trimEnd().split('\n'));

/** Resolves once so many lines have come; rejects when the child ends before. */
async function hasPrinted(run: Run, lines: number): Promise<void> {
  if (lines === 0) throw new Error('a keeps-running block needs a `// prints:` line to wait for');
  const ended = run.ended.then(() => 'ended');
  while (linesOf(run).length < lines) {
    const next = await Promise.race([ended, once(run.child.stdout ?? run.child, 'data')]);
    if (next === 'ended' && linesOf(run).length < lines) throw failure('ended early', run);
  }
}

async function within(work: Promise<void>, run: Run): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      run.child.kill('SIGKILL');
      reject(failure(`still running after ${BLOCK_TIMEOUT_MS} ms`, run));
    }, BLOCK_TIMEOUT_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function stop(run: Run): Promise<void> {
  run.child.kill('SIGTERM');
  const force = setTimeout(() => run.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await run.ended;
  clearTimeout(force);
}

const failure = (what: string, { out }: Run): Error =>
  new Error(`${what}\n--- stdout\n${out.stdout}\n--- stderr\n${out.stderr}`);

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
