import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { onTestFinished } from 'vitest';

/** True when the tools are here, or must be: then the tests fail instead of being skipped. */
export function shouldTestTools(): boolean {
  return TOOLS.every((path) => existsSync(path)) || process.env['GEARMAN_REQUIRE_INTEROP'] === '1';
}

const GEARMAN = '/usr/bin/gearman';
const GEARADMIN = '/usr/bin/gearadmin';
const TOOLS = [GEARMAN, GEARADMIN];

export interface ToolResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One of gearmand's own command line tools, pointed at a port of this machine. */
export class Tool {
  readonly #child: ChildProcess;
  readonly #result: Promise<ToolResult>;
  #stdout = '';

  private constructor(path: string, port: number, args: readonly string[]) {
    const child = spawn(path, ['-h', '127.0.0.1', '-p', String(port), ...args]);
    this.#child = child;
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString('latin1');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString('latin1');
    });
    this.#result = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout: this.#stdout, stderr }));
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
  }

  static gearman(port: number, ...args: readonly string[]): Tool {
    return new Tool(GEARMAN, port, args);
  }

  static gearadmin(port: number, ...args: readonly string[]): Tool {
    return new Tool(GEARADMIN, port, args);
  }

  /** Ends its standard input, after this text, and waits for it to end. */
  result(input: string | Uint8Array = ''): Promise<ToolResult> {
    this.#child.stdin?.on('error', () => {});
    this.#child.stdin?.end(input);
    return this.#result;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#result;
  }
}
