import type { ConnectionOptions } from './connection-options.ts';

/** The name that servers know a function by. */
export const wireName = (functionName: string, { prefix }: ConnectionOptions): string =>
  prefix === undefined ? functionName : `${prefix}\t${functionName}`;
