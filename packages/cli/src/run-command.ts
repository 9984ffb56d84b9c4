import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** How a command ended that worked on a job. */
export interface CommandEnd {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A command that gets bytes on its standard input. */
export interface CommandCall {
  readonly command: readonly string[];
  readonly input: Uint8Array;
  /** Takes its standard output; the command waits while it does. */
  readonly onOutput: (chunks: AsyncIterable<Uint8Array>) => Promise<void>;
  /** Takes its standard error; without it that goes where ours goes. */
  readonly onErrorOutput?: ((chunk: Uint8Array) => void) | undefined;
  /** Kills the command. */
  readonly signal?: AbortSignal | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/** Runs a command and resolves when it has ended. Rejects when it cannot be started. */
export async function runCommand(call: CommandCall): Promise<CommandEnd> {
  const [file = '', ...args] = call.command;
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', call.onErrorOutput === undefined ? 'inherit' : 'pipe'],
    env: { ...process.env, ...call.environment },
  });
  const kill = (): void => void child.kill('SIGKILL');
  call.signal?.addEventListener('abort', kill, { once: true });
  try {
    const closed = once(child, 'close');
    // A command may end without having read its input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(call.input);
    child.stderr?.on('data', (chunk: Uint8Array) => call.onErrorOutput?.(chunk));
    if (call.signal?.aborted === true) kill();
    const [[exitCode, signal]] = await Promise.all([closed, call.onOutput(child.stdout ?? NOTHING)]);
    return { exitCode, signal };
  } finally {
    call.signal?.removeEventListener('abort', kill);
  }
}

const NOTHING: AsyncIterable<Uint8Array> = { async *[Symbol.asyncIterator]() {} };
