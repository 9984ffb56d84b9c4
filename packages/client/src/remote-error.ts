import { z } from 'zod';

/** An error as a worker described it. */
export interface RemoteError {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number | undefined;
  readonly stack?: string | undefined;
}

const remoteError = z.object({
  name: z.string().default('Error'),
  message: z.string(),
  code: z.union([z.string(), z.number()]).optional(),
  stack: z.string().optional(),
});

/** Reads what a worker sent as its exception; undefined when it is not a JSON object with a `message`. */
export function readRemoteError(text: string): RemoteError | undefined {
  // Most exceptions of other workers are plain text: do not throw for each.
  if (!text.startsWith('{')) return undefined;
  try {
    return remoteError.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
