import { bytes, type PacketDefinition, text } from './packet-definition.ts';

/**
 * What a peer may ask for beyond the protocol, each with an OPTION_REQ of its name, for example `x-submit`. A server that
 * has it answers OPTION_RES; any other answers ERROR, and everything goes on as if nothing had been asked. Its packets may
 * be sent after that answer.
 *
 * - `x-submit`: jobs with more than the protocol can say of them: how often to try them, when they expire.
 * - `x-attempts`: workers learn which attempt a job is, and say whether another one makes sense.
 * - `x-results`: results of background jobs are asked for by handle.
 * - `x-schedule`: recurring jobs with time zones and rules for what was missed.
 */
export const EXTENSIONS = ['x-submit', 'x-attempts', 'x-results', 'x-schedule'] as const;

/** The name of an extension. */
export type Extension = (typeof EXTENSIONS)[number];

/** True for the name of an extension. */
export function isExtension(option: string): option is Extension {
  return (EXTENSIONS as readonly string[]).includes(option);
}

/** The packets of extensions. `options` is a JSON object in ASCII: what is not is written as `\u` and four digits. */
export const EXTENSION_PACKETS = {
  SUBMIT_JOB_WITH: {
    code: 1000,
    magic: ['REQ'],
    args: [text('functionName'), text('uniqueId'), text('options'), bytes('workload')],
    extension: 'x-submit',
  },
  JOB_ASSIGN_WITH: {
    code: 1001,
    magic: ['RES'],
    args: [
      text('handle'),
      text('functionName'),
      text('uniqueId'),
      text('reducer'),
      text('options'),
      bytes('workload'),
    ],
    extension: 'x-attempts',
  },
  WORK_FAIL_WITH: {
    code: 1002,
    magic: ['REQ'],
    args: [text('handle'), text('options'), bytes('data')],
    extension: 'x-attempts',
  },
  GET_RESULT: { code: 1003, magic: ['REQ'], args: [text('handle'), text('options')], extension: 'x-results' },
  RESULT_RES: {
    code: 1004,
    magic: ['RES'],
    args: [text('handle'), text('state'), bytes('data')],
    extension: 'x-results',
  },
  SUBMIT_SCHEDULE: {
    code: 1005,
    magic: ['REQ'],
    args: [text('functionName'), text('uniqueId'), text('options'), bytes('workload')],
    extension: 'x-schedule',
  },
  JOB_MERGED: { code: 1006, magic: ['RES'], args: [text('handle')], extension: 'x-submit' },
} as const satisfies Record<string, PacketDefinition & { readonly extension: Extension }>;
