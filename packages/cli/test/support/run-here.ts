import { vi } from 'vitest';

/** How a command ended. What it said is bytes, one per character. */
export interface EndedHere {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command in this process: much faster than one of its own, for all that does not depend on being one. Not two at
 * a time.
 */
export async function runHere(
  command: (args: readonly string[]) => Promise<void>,
  args: readonly string[],
): Promise<EndedHere> {
  const before = process.exitCode;
  const said = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      said[stream] += Buffer.from(text as Uint8Array).toString('latin1');
      return true;
    }),
  );
  try {
    process.exitCode = 0;
    await command(args);
    return { code: Number(process.exitCode), ...said };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}
