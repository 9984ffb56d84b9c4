import { GearmanError } from '../errors.ts';
import type { SchemaIssue } from './standard-schema.ts';

/** A value has no encoded form, or bytes are not what the codec wrote. */
export class CodecError extends GearmanError {
  override readonly name = 'CodecError';
  readonly code = 'ERR_GEARMAN_CODEC';
  /** The codec's media type. */
  readonly contentType: string;

  constructor(contentType: string, problem: string, options?: ErrorOptions) {
    super(`${contentType}: ${problem}`, options);
    this.contentType = contentType;
  }
}

/** The error for something that a library threw. */
export function codecFailure(contentType: string, problem: string, cause: unknown): CodecError {
  return new CodecError(contentType, `${problem}: ${reasonOf(cause)}`, { cause });
}

/** What a thrown value says. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Which payload of a job it is: what the client sent, what the worker returned, or a chunk on the way. */
export type PayloadPart = 'input' | 'output' | 'chunk';

/** One thing that is wrong with a value. */
export interface PayloadIssue {
  /** Where, as `items[2].price`; empty for the value itself. */
  readonly path: string;
  readonly message: string;
}

/**
 * A payload is not what the contract of its function says: the schema refused the value, or the codec could not encode
 * or decode it, which is then the `cause`.
 *
 * In a client, `INVALID_INPUT` was found before anything was sent, and `INVALID_OUTPUT` in what the worker sent. In a
 * worker, `INVALID_INPUT` was found in what the client sent, and `INVALID_OUTPUT` in what the handler returned or wrote;
 * the client gets both as `ERR_GEARMAN_JOB_EXCEPTION` with this code in `remote.code`.
 */
export class ValidationError extends GearmanError {
  override readonly name = 'ValidationError';
  readonly code: 'ERR_GEARMAN_INVALID_INPUT' | 'ERR_GEARMAN_INVALID_OUTPUT';
  readonly functionName: string;
  readonly part: PayloadPart;
  /** What the schema found; empty when the codec failed. */
  readonly issues: readonly PayloadIssue[];

  constructor(
    functionName: string,
    part: PayloadPart,
    problem: string | readonly SchemaIssue[],
    options?: ErrorOptions,
  ) {
    const issues = typeof problem === 'string' ? [] : problem.map(toPayloadIssue);
    const text = typeof problem === 'string' ? problem : `breaks the contract: ${listOf(issues)}`;
    super(`${WHOSE[part]} of "${functionName}" ${text}`, options);
    this.functionName = functionName;
    this.part = part;
    this.code = part === 'input' ? 'ERR_GEARMAN_INVALID_INPUT' : 'ERR_GEARMAN_INVALID_OUTPUT';
    this.issues = issues;
  }
}

const WHOSE = {
  input: "the client's input",
  output: "the worker's result",
  chunk: "a chunk of the worker's result",
} as const;

// A message travels to the client and into logs: a value with a thousand faults must not make it a thousand lines.
const MOST_ISSUES = 5;
const LONGEST_ISSUE = 200;

function listOf(issues: readonly PayloadIssue[]): string {
  const shown = issues.slice(0, MOST_ISSUES).map(({ path, message }) => {
    const text = path === '' ? message : `${path}: ${message}`;
    return text.length > LONGEST_ISSUE ? `${text.slice(0, LONGEST_ISSUE)}…` : text;
  });
  if (issues.length > MOST_ISSUES) shown.push(`and ${issues.length - MOST_ISSUES} more`);
  return shown.length === 0 ? 'the schema does not say how' : shown.join('; ');
}

function toPayloadIssue({ message, path = [] }: SchemaIssue): PayloadIssue {
  const keys = path.map((step) => (typeof step === 'object' ? step.key : step));
  const text = keys.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return { path: text.replace(/^\./, ''), message };
}
