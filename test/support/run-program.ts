import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'vitest';

/** How a program ended, and what it printed. */
export interface Run {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs a program of ours in a process group of its own, and fails when a process of it is left. */
export async function runProgram(
  file: string,
  { args = [], input = '' }: { readonly args?: readonly string[]; readonly input?: string | undefined } = {},
): Promise<Run> {
  const child = spawn(process.execPath, [file, ...args], { detached: true });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  // A program need not read what it is given.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  expect(() => process.kill(-(child.pid ?? 0), 0), 'something is left running').toThrow('ESRCH');
  return { code, output, errors };
}
