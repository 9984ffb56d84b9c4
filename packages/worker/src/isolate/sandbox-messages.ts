/** What a sandbox is told. */
export type ToSandbox =
  | {
      readonly type: 'job';
      readonly functionName: string;
      readonly handle: string;
      readonly server: string;
      readonly uniqueId: string;
      readonly payload: Uint8Array;
    }
  /** The result is no longer wanted; the sandbox has a little time left. */
  | { readonly type: 'abort'; readonly reason: PlainError }
  /** What was written has been taken. */
  | { readonly type: 'written'; readonly id: number; readonly error: PlainError | undefined };

/** What a sandbox tells. */
export type FromSandbox =
  | { readonly type: 'loaded' }
  | { readonly type: 'not-loaded'; readonly error: PlainError }
  | { readonly type: 'progress'; readonly numbers: readonly [done: number, all: number] }
  | { readonly type: 'warn'; readonly message: Uint8Array | string }
  | { readonly type: 'log'; readonly message: string; readonly fields: object }
  | { readonly type: 'write'; readonly id: number; readonly chunk: Uint8Array | string }
  | { readonly type: 'result'; readonly result: Uint8Array | string | undefined }
  | { readonly type: 'fail'; readonly reason: string | undefined }
  | { readonly type: 'error'; readonly error: PlainError };

/** An error on its way. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
  readonly stack?: string;
}

/** Of whatever was thrown, what survives the way. */
export function toPlainError(thrown: unknown): PlainError {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown) };
  const { name, message, stack } = thrown;
  const code = 'code' in thrown ? thrown.code : undefined;
  return {
    name,
    message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(stack !== undefined && { stack }),
  };
}

/** An error again, at the other end. */
export function fromPlainError({ name, message, code, stack }: PlainError): Error {
  const error = new Error(message);
  return Object.assign(error, { name }, code !== undefined && { code }, stack !== undefined && { stack });
}
