import {
  encodePacket,
  HEADER_BYTES,
  PACKETS,
  type Packet,
  request as packet,
  packetTypeOf,
} from '@gearman/protocol';
import type { Handles } from './handles.ts';
import type { Request, Submit, UniqueId, Workload } from './script.ts';

/** The names that belong to one script. */
export class Names {
  /** Stands in all of them, and in none of another script. */
  readonly tag: string;

  constructor(script: number) {
    this.tag = `s${script}_`;
  }

  functionName(fn: number): string {
    return `${this.tag}${'abc'[fn] ?? ''}`;
  }

  uniqueId(id: UniqueId): string {
    if (id === '' || id === '-') return id;
    return /^\d/.test(id) ? this.tag.padEnd(Number(id), 'z') : this.tag + id;
  }

  workload(workload: Workload): string {
    if (workload === 'u') return this.uniqueId('u');
    return workload === 'binary' ? 'a\0b\xff\n' : workload;
  }

  /** What the text command `workers` calls a connection; it does not know a client id before the tilde. */
  clientId(connection: string, suffix: string): string {
    return `${this.tag}${connection}~${suffix}`;
  }
}

/** One request as it goes to one of the servers. */
export function encode(request: Request, names: Names, handles: Handles, job: string, self: string): Buffer {
  switch (request.type) {
    case 'line':
      return Buffer.from(`${request.line}\n`);
    case 'cancel':
      return Buffer.from(`cancel job ${handles.handleOf(job)}\r\n`);
    case 'max-queue':
      return Buffer.from(`maxqueue ${names.functionName(request.fn)}${request.limits}\r\n`);
    case 'create-function':
      return Buffer.from(`create function ${names.tag}${request.name}${request.lineEnd}`);
    case 'drop-function': {
      const name = names.functionName(request.fn);
      return Buffer.from(`drop function ${request.upperCase ? name.toUpperCase() : name}\r\n`);
    }
    case 'unexpected':
      return emptyPacket(request.code, request.magic);
    default:
      return Buffer.concat(encodePacket(toPacket(request, names, handles.handleOf(job), self)));
  }
}

/** A packet whose arguments are all empty; with fewer separators gearmand would take the next one for a part of it. */
function emptyPacket(code: number, magic: 'REQ' | 'RES'): Buffer {
  const type = packetTypeOf(code);
  const separators = Math.max(0, (type === undefined ? 0 : PACKETS[type].args.length) - 1);
  const packet = Buffer.alloc(HEADER_BYTES + separators);
  packet.write(`\0${magic}`, 'latin1');
  packet.writeUInt32BE(code, 4);
  packet.writeUInt32BE(separators, 8);
  return packet;
}

type Binary = Exclude<
  Request,
  { type: 'line' | 'cancel' | 'max-queue' | 'create-function' | 'drop-function' | 'unexpected' }
>;

function toPacket(request: Binary, names: Names, handle: string, self: string): Packet {
  switch (request.type) {
    case 'can-do': {
      const functionName = names.functionName(request.fn);
      const { timeout } = request;
      return timeout === undefined
        ? packet('CAN_DO', { functionName })
        : packet('CAN_DO_TIMEOUT', { functionName, timeout });
    }
    case 'cant-do':
      return packet('CANT_DO', { functionName: names.functionName(request.fn) });
    case 'reset-abilities':
      return packet('RESET_ABILITIES', {});
    case 'pre-sleep':
      return packet('PRE_SLEEP', {});
    case 'all-yours':
      return packet('ALL_YOURS', {});
    case 'grab':
      return packet(request.packet, {});
    case 'submit':
      return toSubmit(request, names);
    case 'work':
      return toWork(request, handle);
    case 'get-status':
      return packet('GET_STATUS', { handle });
    case 'get-status-unique':
      return packet('GET_STATUS_UNIQUE', { uniqueId: names.uniqueId(request.uniqueId) });
    case 'option':
      return packet('OPTION_REQ', { option: request.option });
    case 'echo':
      return packet('ECHO_REQ', { data: Buffer.from(request.text) });
    case 'set-client-id':
      return packet('SET_CLIENT_ID', { clientId: names.clientId(self, request.suffix) });
  }
}

function toSubmit({ packet: type, fn, uniqueId, workload, epoch, reducer }: Submit, names: Names): Packet {
  const fields = {
    functionName: names.functionName(fn),
    uniqueId: names.uniqueId(uniqueId),
    workload: Buffer.from(names.workload(workload), 'latin1'),
  };
  if (type === 'SUBMIT_JOB_EPOCH') return packet(type, { ...fields, epoch });
  if (type !== 'SUBMIT_REDUCE_JOB' && type !== 'SUBMIT_REDUCE_JOB_BACKGROUND') return packet(type, fields);
  // gearmand does not look how long the unique id of a reduce submit is, and reads on behind it.
  const isLong = fields.uniqueId.length > 63;
  return packet(type, { ...fields, uniqueId: isLong ? '' : fields.uniqueId, reducer, ignored: '' });
}

function toWork(request: Extract<Request, { type: 'work' }>, handle: string): Packet {
  const data = Buffer.from(request.text);
  switch (request.packet) {
    case 'WORK_FAIL':
      return packet('WORK_FAIL', { handle });
    case 'WORK_STATUS':
      return packet('WORK_STATUS', { handle, numerator: request.text, denominator: request.denominator });
    default:
      return packet(request.packet, { handle, data });
  }
}
