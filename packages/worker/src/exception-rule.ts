/** How an exception travels: see the option `exceptionMode`. */
export type ExceptionMode = (typeof EXCEPTION_MODES)[number];

export const EXCEPTION_MODES = ['auto', 'exception', 'exception+fail', 'warning+fail', 'fail'] as const;

/** What to send; `uncertain`: WORK_EXCEPTION now, and WORK_FAIL if the server turns out to need it. */
export type ExceptionRule = Exclude<ExceptionMode, 'auto'> | 'uncertain';

/** A server's version, as its text command `version` tells it. */
export interface ServerVersion {
  readonly text: string;
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** Reads an answer such as `OK 1.1.20`; undefined when it holds no version. */
export function parseVersion(line: string): ServerVersion | undefined {
  const found = /(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?/.exec(line);
  if (found === null) return undefined;
  const [text, major, minor, patch = '0'] = found;
  return { text, major: Number(major), minor: Number(minor), patch: Number(patch) };
}

/**
 * What a server of this version wants for an exception. gearmand ends a job with WORK_EXCEPTION since 1.1.9 and answers
 * a WORK_FAIL behind it with JOB_NOT_FOUND; before, the job went on running without it.
 *
 * @param version `unknown` when the server does not tell it
 */
export function exceptionRuleFor(version: ServerVersion | 'unknown'): ExceptionRule {
  if (version === 'unknown') return 'exception+fail';
  return isBefore(version, 1, 1, 9) ? 'exception+fail' : 'exception';
}

/** True when the server takes the limit of CAN_DO_TIMEOUT for seconds, as gearmand did up to 1.1.18. */
export function countsSeconds(version: ServerVersion | 'unknown'): boolean {
  return version !== 'unknown' && isBefore(version, 1, 1, 19);
}

/** Versions 0.x are our own server's: the last gearmand of that kind, 0.41, is of 2012 and in no distribution. */
function isBefore(version: ServerVersion, major: number, minor: number, patch: number): boolean {
  if (version.major === 0) return false;
  if (version.major !== major) return version.major < major;
  if (version.minor !== minor) return version.minor < minor;
  return version.patch < patch;
}
