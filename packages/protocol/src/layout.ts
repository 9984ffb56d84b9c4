import type { BodyReader } from './body-reader.ts';
import { InvalidArgumentError } from './errors.ts';
import {
  byCode,
  type Magic,
  PACKET_TYPES,
  PACKETS,
  type PacketDefinition,
  type PacketType,
} from './packets.ts';

/** A row of the packet table with what the codec would otherwise work out anew for each packet. */
export interface Layout {
  readonly type: PacketType;
  readonly code: number;
  readonly lenient: PacketDefinition['lenient'];
  /** Names of the text arguments, which come first. */
  readonly texts: readonly string[];
  /** Name of the byte argument, which comes last, if there is one. */
  readonly bytes: string | undefined;
  /** NULs between the arguments. */
  readonly separators: number;
  readonly build: Build;
}

/** Makes the packet out of the arguments that `body` reads, in the order of the table. */
type Build = (type: PacketType, magic: Magic, body: BodyReader) => object;

/**
 * The argument lists of the packets that come by the million. A literal gives all of them one hidden class and is five
 * times as fast as adding the fields by name. A list that is not here, or no longer matches the table, takes the slow way.
 */
const FAST_BUILDS: Readonly<Record<string, Build>> = {
  '': (type, magic) => ({ type, magic }),
  handle: (type, magic, body) => ({ type, magic, handle: body.lastText() }),
  'handle,data': (type, magic, body) => ({ type, magic, handle: body.text(), data: body.rest() }),
  'handle,numerator,denominator': (type, magic, body) => ({
    type,
    magic,
    handle: body.text(),
    numerator: body.text(),
    denominator: body.lastText(),
  }),
  'functionName,uniqueId,workload': (type, magic, body) => ({
    type,
    magic,
    functionName: body.text(),
    uniqueId: body.text(),
    workload: body.rest(),
  }),
  'handle,functionName,workload': (type, magic, body) => ({
    type,
    magic,
    handle: body.text(),
    functionName: body.text(),
    workload: body.rest(),
  }),
  'handle,functionName,uniqueId,workload': (type, magic, body) => ({
    type,
    magic,
    handle: body.text(),
    functionName: body.text(),
    uniqueId: body.text(),
    workload: body.rest(),
  }),
  'handle,functionName,uniqueId,reducer,workload': (type, magic, body) => ({
    type,
    magic,
    handle: body.text(),
    functionName: body.text(),
    uniqueId: body.text(),
    reducer: body.text(),
    workload: body.rest(),
  }),
};

function buildOf(args: PacketDefinition['args']): Build {
  const fast = FAST_BUILDS[args.map(({ name }) => name).join()];
  if (fast !== undefined) return fast;
  return (type, magic, body) => {
    const packet: Record<string, unknown> = { type, magic };
    for (const [i, { name, kind }] of args.entries()) {
      packet[name] = i < args.length - 1 ? body.text() : kind === 'text' ? body.lastText() : body.rest();
    }
    return packet;
  };
}

function toLayout(type: PacketType): Layout {
  const { code, args, lenient }: PacketDefinition = PACKETS[type];
  const namesOf = (wanted: string) => args.filter(({ kind }) => kind === wanted).map(({ name }) => name);
  return {
    type,
    code,
    lenient,
    texts: namesOf('text'),
    bytes: namesOf('bytes')[0],
    separators: Math.max(0, args.length - 1),
    build: buildOf(args),
  };
}

const BY_TYPE: ReadonlyMap<string, Layout> = new Map(PACKET_TYPES.map((type) => [type, toLayout(type)]));
const BY_CODE = byCode((type) => BY_TYPE.get(type));

/** The layout of a packet type. @throws InvalidArgumentError `ERR_GEARMAN_INVALID_ARGUMENT` for no packet type */
export function layoutOf(type: PacketType): Layout {
  const layout = BY_TYPE.get(type);
  if (layout === undefined) throw new InvalidArgumentError(`"${type}" is not a packet type`);
  return layout;
}

/** The layout of a packet code; undefined for one that no packet has. */
export function layoutOfCode(code: number): Layout | undefined {
  return BY_CODE[code];
}
