import { latin1Slice, type Packet, StreamParser } from '@gearman/protocol';
import type { Syscall } from './strace.ts';

/** A job as a client asked for it. */
export interface Asked {
  /** When the server had read it. */
  readonly readAt: number;
  readonly functionName: string;
  readonly uniqueId: string;
  readonly workload: string;
  readonly priority: number;
  readonly runAtMs: number;
  readonly background: boolean;
}

/** What a server told its clients, and what workers told it. Times are those of the calls. */
export interface Talk {
  readonly asked: readonly Asked[];
  /** JOB_CREATED of background jobs, by when they left. */
  readonly acknowledged: readonly { readonly at: number; readonly number: number; readonly asked: Asked }[];
  /** Jobs that workers ended, by when the server had read that. */
  readonly ended: readonly { readonly at: number; readonly number: number }[];
}

const READS = new Set(['read', 'recvfrom', 'readv', 'recvmsg']);
const WRITES = new Set(['write', 'sendto', 'writev', 'sendmsg']);
const PRIORITIES: Readonly<Record<string, number>> = { HIGH: 0, NORMAL: 1, LOW: 2 };
const ENDS = new Set(['WORK_COMPLETE', 'WORK_FAIL', 'WORK_EXCEPTION']);

/** One connection to the server. */
interface Session {
  readonly input: StreamParser;
  readonly output: StreamParser;
  readonly acceptedAt: number;
  /** Submits without an answer. */
  readonly waiting: Asked[];
}

/** What calls said on accepted sockets. */
export function readTalk(calls: readonly Syscall[]): Talk {
  const sessions = new Map<number, Session>();
  const asked: Asked[] = [];
  const acknowledged: { at: number; number: number; asked: Asked }[] = [];
  const ended: { at: number; number: number }[] = [];

  const heard = (session: Session, packet: Packet, at: number): void => {
    const submit = toAsked(packet, at);
    if (submit !== undefined) {
      session.waiting.push(submit);
      asked.push(submit);
    } else if (ENDS.has(packet.type) && 'handle' in packet) {
      ended.push({ at, number: numberOf(packet.handle) });
    }
  };
  const said = (session: Session, packet: Packet, at: number): void => {
    if (packet.type === 'ERROR') throw new Error(`a submit was refused: ${packet.text}`);
    if (packet.type !== 'JOB_CREATED') return;
    const submit = session.waiting.shift();
    if (submit === undefined) throw new Error(`${packet.handle} answers no submit`);
    if (submit.background) acknowledged.push({ at, number: numberOf(packet.handle), asked: submit });
  };

  for (const { name, fd, strings, result, startedAt, endedAt } of calls) {
    if (name.startsWith('accept') && result !== undefined && result >= 0) {
      const parsers = { input: new StreamParser(), output: new StreamParser() };
      sessions.set(result, { ...parsers, acceptedAt: endedAt, waiting: [] });
    }
    const session = sessions.get(fd);
    if (session === undefined || result === undefined || result < 0) continue;
    // A file of another thread may have had the number until just before: its close ends after the accept.
    if (name === 'close' && startedAt > session.acceptedAt) sessions.delete(fd);
    const bytes = Buffer.concat(strings).subarray(0, result);
    if (READS.has(name))
      for (const packet of packetsIn(session.input, bytes)) heard(session, packet, endedAt);
    // From its start on, a peer may have it.
    if (WRITES.has(name))
      for (const packet of packetsIn(session.output, bytes)) said(session, packet, startedAt);
  }
  return { asked, acknowledged, ended };
}

function packetsIn(parser: StreamParser, bytes: Buffer): Packet[] {
  return parser
    .push(bytes)
    .filter(
      (message): message is Packet =>
        'magic' in message && !('packetCode' in message || 'sizeBytes' in message),
    );
}

function numberOf(handle: string): number {
  return Number(handle.split('-').at(-1));
}

function toAsked(packet: Packet, readAt: number): Asked | undefined {
  if (!packet.type.startsWith('SUBMIT_JOB') || !('uniqueId' in packet && 'workload' in packet))
    return undefined;
  const { type, functionName, uniqueId, workload } = packet;
  return {
    readAt,
    functionName,
    uniqueId,
    workload: latin1Slice(workload, 0, workload.length),
    priority: PRIORITIES[type.split('_')[2] ?? ''] ?? 1,
    runAtMs: 'epoch' in packet ? Number(packet.epoch) * 1000 : 0,
    background: type.endsWith('_BG') || type === 'SUBMIT_JOB_EPOCH',
  };
}
