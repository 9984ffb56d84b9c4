/** How a thrown value travels to the client. */
export type ExceptionFormat = (typeof EXCEPTION_FORMATS)[number];

export const EXCEPTION_FORMATS = ['json', 'json-with-stack', 'text'] as const;

/** What is told of a thrown value. */
interface Description {
  readonly name: string;
  readonly message: string;
  readonly code?: string | number;
  readonly stack?: string;
}

// Enough for any message people read; what a server or client refuses helps nobody.
const LONGEST_TEXT = 64 * 1024;

/** The body of a WORK_EXCEPTION for whatever a handler threw. Never throws, whatever that is. */
export function encodeException(thrown: unknown, format: ExceptionFormat): Uint8Array {
  const description = describe(thrown, format === 'json-with-stack');
  return Buffer.from(format === 'text' ? description.message : JSON.stringify(description));
}

/**
 * True for what says that another attempt would not help. By name, so that errors of other copies of this package count.
 *
 * @param codes of errors that say so, too
 */
export function isNonRetryable(thrown: unknown, codes: readonly unknown[]): boolean {
  try {
    if (!isErrorLike(thrown)) return false;
    return thrown.name === 'NonRetryableError' || codes.includes(thrown.code);
  } catch {
    return false;
  }
}

function describe(thrown: unknown, withStack: boolean): Description {
  try {
    if (isErrorLike(thrown)) return describeError(thrown, withStack);
    return { name: 'Error', message: cut(textOf(thrown)) };
  } catch {
    // A getter, toString or proxy of the thrown value threw in its turn.
    return { name: 'Error', message: 'the handler threw a value that cannot be described' };
  }
}

interface ErrorLike {
  readonly message: string;
  readonly name?: unknown;
  readonly code?: unknown;
  readonly stack?: unknown;
}

/** Errors of other realms and of careless libraries are no instances of our `Error`. */
function isErrorLike(thrown: unknown): thrown is ErrorLike {
  return (
    typeof thrown === 'object' && thrown !== null && 'message' in thrown && typeof thrown.message === 'string'
  );
}

function describeError({ name, message, code, stack }: ErrorLike, withStack: boolean): Description {
  return {
    name: typeof name === 'string' ? cut(name) : 'Error',
    message: cut(message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(withStack && typeof stack === 'string' ? { stack: cut(stack) } : {}),
  };
}

function textOf(thrown: unknown): string {
  const text = String(thrown);
  return text === '[object Object]' ? JSON.stringify(thrown) : text;
}

function cut(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}
