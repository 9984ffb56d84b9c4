import { EXTENSION_PACKETS } from './extensions.ts';
import { bytes, type PacketDefinition, text } from './packet-definition.ts';

export type { Magic, PacketDefinition } from './packet-definition.ts';

const SUBMIT = [text('functionName'), text('uniqueId'), bytes('workload')] as const;
const SUBMIT_REDUCE = [
  text('functionName'),
  text('uniqueId'),
  text('reducer'),
  // Four arguments stand in the upstream text, five travel: libgearman puts an empty one here and gearmand waits for it.
  text('ignored'),
  bytes('workload'),
] as const;

/**
 * Every packet type, in code order: those of the protocol, then those of {@link EXTENSIONS}.
 *
 * - `lenient: 'trailing-nul'`: one NUL at the end is dropped. gearmand puts one behind the handle of a WORK_FAIL that
 *   stands in for an exception, and ignores one in a GET_STATUS.
 * - `lenient: 'doubled-nul'`: one NUL too many behind the first argument is dropped. That is what such a handle
 *   becomes in the answer.
 * - `lenient: 'missing-last'`: third-party servers send ERROR, and Perl workers an empty result, without the
 *   separator; the missing argument reads as empty.
 *
 * @see gearmand `PROTOCOL`, "Binary Packet"
 */
export const PACKETS = {
  CAN_DO: { code: 1, magic: ['REQ'], args: [text('functionName')] },
  CANT_DO: { code: 2, magic: ['REQ'], args: [text('functionName')] },
  RESET_ABILITIES: { code: 3, magic: ['REQ'], args: [] },
  PRE_SLEEP: { code: 4, magic: ['REQ'], args: [] },
  NOOP: { code: 6, magic: ['RES'], args: [] },
  SUBMIT_JOB: { code: 7, magic: ['REQ'], args: SUBMIT },
  JOB_CREATED: { code: 8, magic: ['RES'], args: [text('handle')], lenient: 'trailing-nul' },
  GRAB_JOB: { code: 9, magic: ['REQ'], args: [] },
  NO_JOB: { code: 10, magic: ['RES'], args: [] },
  JOB_ASSIGN: { code: 11, magic: ['RES'], args: [text('handle'), text('functionName'), bytes('workload')] },
  // The WORK_* packets travel twice: worker to server as REQ, then server to client as RES, same body.
  WORK_STATUS: {
    code: 12,
    magic: ['REQ', 'RES'],
    args: [text('handle'), text('numerator'), text('denominator')],
  },
  WORK_COMPLETE: {
    code: 13,
    magic: ['REQ', 'RES'],
    args: [text('handle'), bytes('data')],
    lenient: 'missing-last',
  },
  WORK_FAIL: { code: 14, magic: ['REQ', 'RES'], args: [text('handle')], lenient: 'trailing-nul' },
  GET_STATUS: { code: 15, magic: ['REQ'], args: [text('handle')], lenient: 'trailing-nul' },
  ECHO_REQ: { code: 16, magic: ['REQ'], args: [bytes('data')] },
  ECHO_RES: { code: 17, magic: ['RES'], args: [bytes('data')] },
  SUBMIT_JOB_BG: { code: 18, magic: ['REQ'], args: SUBMIT },
  ERROR: { code: 19, magic: ['RES'], args: [text('code'), text('text')], lenient: 'missing-last' },
  STATUS_RES: {
    code: 20,
    magic: ['RES'],
    args: [text('handle'), text('known'), text('running'), text('numerator'), text('denominator')],
    lenient: 'doubled-nul',
  },
  SUBMIT_JOB_HIGH: { code: 21, magic: ['REQ'], args: SUBMIT },
  SET_CLIENT_ID: { code: 22, magic: ['REQ'], args: [text('clientId')] },
  CAN_DO_TIMEOUT: { code: 23, magic: ['REQ'], args: [text('functionName'), text('timeout')] },
  ALL_YOURS: { code: 24, magic: ['REQ'], args: [] },
  WORK_EXCEPTION: {
    code: 25,
    magic: ['REQ', 'RES'],
    args: [text('handle'), bytes('data')],
    lenient: 'missing-last',
  },
  OPTION_REQ: { code: 26, magic: ['REQ'], args: [text('option')] },
  OPTION_RES: { code: 27, magic: ['RES'], args: [text('option')] },
  WORK_DATA: {
    code: 28,
    magic: ['REQ', 'RES'],
    args: [text('handle'), bytes('data')],
    lenient: 'missing-last',
  },
  WORK_WARNING: {
    code: 29,
    magic: ['REQ', 'RES'],
    args: [text('handle'), bytes('data')],
    lenient: 'missing-last',
  },
  GRAB_JOB_UNIQ: { code: 30, magic: ['REQ'], args: [] },
  JOB_ASSIGN_UNIQ: {
    code: 31,
    magic: ['RES'],
    args: [text('handle'), text('functionName'), text('uniqueId'), bytes('workload')],
  },
  SUBMIT_JOB_HIGH_BG: { code: 32, magic: ['REQ'], args: SUBMIT },
  SUBMIT_JOB_LOW: { code: 33, magic: ['REQ'], args: SUBMIT },
  SUBMIT_JOB_LOW_BG: { code: 34, magic: ['REQ'], args: SUBMIT },
  SUBMIT_JOB_SCHED: {
    code: 35,
    magic: ['REQ'],
    args: [
      text('functionName'),
      text('uniqueId'),
      text('minute'),
      text('hour'),
      text('dayOfMonth'),
      text('month'),
      // 0 = Monday, unlike cron.
      text('dayOfWeek'),
      bytes('workload'),
    ],
  },
  SUBMIT_JOB_EPOCH: {
    code: 36,
    magic: ['REQ'],
    args: [text('functionName'), text('uniqueId'), text('epoch'), bytes('workload')],
  },
  SUBMIT_REDUCE_JOB: { code: 37, magic: ['REQ'], args: SUBMIT_REDUCE },
  SUBMIT_REDUCE_JOB_BACKGROUND: { code: 38, magic: ['REQ'], args: SUBMIT_REDUCE },
  GRAB_JOB_ALL: { code: 39, magic: ['REQ'], args: [] },
  JOB_ASSIGN_ALL: {
    code: 40,
    magic: ['RES'],
    args: [text('handle'), text('functionName'), text('uniqueId'), text('reducer'), bytes('workload')],
  },
  GET_STATUS_UNIQUE: { code: 41, magic: ['REQ'], args: [text('uniqueId')] },
  STATUS_RES_UNIQUE: {
    code: 42,
    magic: ['RES'],
    // The upstream text calls the first argument a handle; gearmand sends back the unique id asked for.
    args: [
      text('uniqueId'),
      text('known'),
      text('running'),
      text('numerator'),
      text('denominator'),
      text('clients'),
    ],
  },
  ...EXTENSION_PACKETS,
} as const satisfies Record<string, PacketDefinition>;

/** The name of a packet type, for example `SUBMIT_JOB_BG`. */
export type PacketType = keyof typeof PACKETS;

type Row<T extends PacketType> = (typeof PACKETS)[T];
type Arg<T extends PacketType> = Row<T>['args'][number];
type Fields<T extends PacketType> = {
  readonly [A in Arg<T> as A['name']]: A['kind'] extends 'text' ? string : Uint8Array;
};

/**
 * A decoded packet, discriminated on `type`. Select one with `Packet<'ECHO_REQ'>`.
 *
 * Text arguments are byte strings: one character per byte, so that no name a peer invents is changed by
 * decoding. ASCII looks as expected; for anything else see {@link encodeText} and {@link decodeText}.
 * Byte arguments may be views into the chunk they came in; see {@link PacketParser} for how long they live.
 */
export type Packet<T extends PacketType = PacketType> = {
  [K in T]: { readonly type: K; readonly magic: Row<K>['magic'][number] } & Fields<K>;
}[T];

/** The packet types that travel towards the job server. */
export type RequestType = {
  [T in PacketType]: 'REQ' extends Row<T>['magic'][number] ? T : never;
}[PacketType];

/** The packet types that come from the job server. */
export type ResponseType = {
  [T in PacketType]: 'RES' extends Row<T>['magic'][number] ? T : never;
}[PacketType];

/** Every packet type name, in code order. */
export const PACKET_TYPES = Object.keys(PACKETS) as readonly PacketType[];

/** Highest packet code of the protocol; {@link EXTENSIONS} have higher ones. */
export const MAX_PACKET_CODE = 42;

const BY_CODE = byCode((type) => type);

/** The name of a packet code; undefined for one that no packet has. */
export function packetTypeOf(code: number): PacketType | undefined {
  return BY_CODE[code];
}

/** A table with something for each packet code. */
export function byCode<T>(of: (type: PacketType) => T): readonly (T | undefined)[] {
  const codes = PACKET_TYPES.map((type) => PACKETS[type].code);
  const table: (T | undefined)[] = new Array(Math.max(...codes) + 1).fill(undefined);
  for (const type of PACKET_TYPES) table[PACKETS[type].code] = of(type);
  return table;
}
