import { GearmanError } from '@gearman/protocol';

export { UnsupportedError } from '@gearman/pool';

/** Why one server gave no answer. */
export interface AdminFailure {
  /** The server as `host:port`. */
  readonly server: string;
  readonly error: GearmanError;
}

/** A server's answer is not what the command promises. */
export class AdminParseError extends GearmanError {
  override readonly name = 'AdminParseError';
  readonly code = 'ERR_GEARMAN_ADMIN_PARSE';
  readonly server: string;
  /** The command that was answered. */
  readonly command: string;
  /** The line that could not be read; empty if one was missing. */
  readonly line: string;

  constructor(server: string, command: string, line: string, problem: string) {
    super(`${server} answered ${command} with ${JSON.stringify(line.slice(0, 200))}: ${problem}`);
    this.server = server;
    this.command = command;
    this.line = line;
  }
}

/** The server has no such function or job. */
export class NotFoundError extends GearmanError {
  override readonly name = 'NotFoundError';
  readonly code = 'ERR_GEARMAN_NOT_FOUND';
  readonly server: string;

  constructor(server: string, what: string) {
    super(`${server} has no ${what}`);
    this.server = server;
  }
}

/** A function cannot be dropped while workers offer it or it has jobs. */
export class FunctionInUseError extends GearmanError {
  override readonly name = 'FunctionInUseError';
  readonly code = 'ERR_GEARMAN_FUNCTION_IN_USE';
  readonly server: string;
  readonly functionName: string;

  constructor(server: string, functionName: string, reason: string) {
    super(`${server} does not drop function "${functionName}": ${reason}`);
    this.server = server;
    this.functionName = functionName;
  }
}

/** Several servers were asked and none gave an answer. */
export class NoAnswerError extends GearmanError {
  override readonly name = 'NoAnswerError';
  readonly code = 'ERR_GEARMAN_NO_ANSWER';
  /** Each server that was asked, and why it gave none. */
  readonly failures: readonly AdminFailure[];

  constructor(failures: readonly AdminFailure[]) {
    const reasons = failures.map(({ error }) => error.message).join('; ');
    super(`none of ${failures.length} job servers answered (${reasons})`);
    this.failures = failures;
  }
}
