import {
  decodeText,
  type Packet,
  type RequestType,
  response,
  SERVER_ERRORS,
  type StreamMessage,
} from '@gearman/protocol';
import type { FakePeer } from './fake-peer.ts';
import type { FakeScript } from './fake-server.ts';

type Submit = Packet<
  | 'SUBMIT_JOB'
  | 'SUBMIT_JOB_BG'
  | 'SUBMIT_JOB_HIGH'
  | 'SUBMIT_JOB_HIGH_BG'
  | 'SUBMIT_JOB_LOW'
  | 'SUBMIT_JOB_LOW_BG'
>;
type Report = Packet<
  'WORK_DATA' | 'WORK_WARNING' | 'WORK_STATUS' | 'WORK_COMPLETE' | 'WORK_FAIL' | 'WORK_EXCEPTION'
>;

interface FakeJob {
  readonly handle: string;
  readonly functionName: string;
  readonly uniqueId: string;
  readonly workload: Uint8Array;
  /** 0 is high. */
  readonly priority: number;
  readonly background: boolean;
  /** Who gets the result: once for each submit. */
  clients: FakePeer[];
  worker: FakePeer | undefined;
  numerator: string;
  denominator: string;
}

/** What to do with each packet. Others are refused. */
type Handlers = { readonly [T in RequestType]?: (peer: FakePeer, packet: Packet<T>) => unknown };

/** What the server knows of a connection. */
interface Manners {
  readonly functions: Set<string>;
  exceptions: boolean;
  asleep: boolean;
}

/**
 * A script that makes a fake server an honest job server: foreground and background jobs, priorities, unique ids,
 * progress, status, exceptions, `maxqueue`, workers that vanish. It is small, keeps nothing, knows no time, and takes
 * every packet for what it is: for tests, and for being rude at one point and honest everywhere else.
 */
export function jobServer(): FakeScript {
  return new JobServer();
}

class JobServer implements FakeScript {
  readonly #manners = new Map<FakePeer, Manners>();
  /** In the order they came. */
  readonly #jobs = new Map<string, FakeJob>();
  readonly #limits = new Map<string, number>();
  #created = 0;
  readonly #handlers: Handlers = {
    ECHO_REQ: (peer, { data }) => peer.send(response('ECHO_RES', { data })),
    OPTION_REQ: (peer, { option }) => this.#onOption(peer, option),
    SET_CLIENT_ID: () => {},
    CAN_DO: (peer, { functionName }) => this.#mannersOf(peer).functions.add(functionName),
    CAN_DO_TIMEOUT: (peer, { functionName }) => this.#mannersOf(peer).functions.add(functionName),
    CANT_DO: (peer, { functionName }) => this.#mannersOf(peer).functions.delete(functionName),
    RESET_ABILITIES: (peer) => this.#mannersOf(peer).functions.clear(),
    PRE_SLEEP: (peer) => this.#onSleep(peer),
    GRAB_JOB: (peer, { type }) => this.#onGrab(peer, type),
    GRAB_JOB_UNIQ: (peer, { type }) => this.#onGrab(peer, type),
    GRAB_JOB_ALL: (peer, { type }) => this.#onGrab(peer, type),
    SUBMIT_JOB: (peer, packet) => this.#onSubmit(peer, packet),
    SUBMIT_JOB_HIGH: (peer, packet) => this.#onSubmit(peer, packet),
    SUBMIT_JOB_LOW: (peer, packet) => this.#onSubmit(peer, packet),
    SUBMIT_JOB_BG: (peer, packet) => this.#onSubmit(peer, packet),
    SUBMIT_JOB_HIGH_BG: (peer, packet) => this.#onSubmit(peer, packet),
    SUBMIT_JOB_LOW_BG: (peer, packet) => this.#onSubmit(peer, packet),
    GET_STATUS: (peer, { handle }) => this.#onGetStatus(peer, handle),
    GET_STATUS_UNIQUE: (peer, { uniqueId }) => this.#onGetStatusUnique(peer, uniqueId),
    WORK_DATA: (peer, packet) => this.#onReport(peer, packet),
    WORK_WARNING: (peer, packet) => this.#onReport(peer, packet),
    WORK_STATUS: (peer, packet) => this.#onReport(peer, packet),
    WORK_COMPLETE: (peer, packet) => this.#onReport(peer, packet),
    WORK_FAIL: (peer, packet) => this.#onReport(peer, packet),
    WORK_EXCEPTION: (peer, packet) => this.#onReport(peer, packet),
  };

  onMessage(peer: FakePeer, message: StreamMessage): void {
    if (message.type === 'TEXT') this.#onText(peer, message.line);
    else if (!('magic' in message) || 'sizeBytes' in message) peer.end();
    else this.#onPacket(peer, message);
  }

  onClose(peer: FakePeer): void {
    this.#manners.delete(peer);
    for (const job of [...this.#jobs.values()]) {
      job.clients = job.clients.filter((client) => client !== peer);
      if (!job.background && job.clients.length === 0 && job.worker === undefined) {
        this.#jobs.delete(job.handle);
      }
      if (job.worker !== peer) continue;
      job.worker = undefined;
      this.#wake(job.functionName);
    }
  }

  #onPacket(peer: FakePeer, packet: Packet): void {
    // Each entry of the table takes packets of its own type only.
    const handlers = this.#handlers as Partial<Record<string, (peer: FakePeer, packet: Packet) => void>>;
    const handler = handlers[packet.type];
    if (handler === undefined) peer.send(response('ERROR', SERVER_ERRORS.invalidCommand));
    else handler(peer, packet);
  }

  #onOption(peer: FakePeer, option: string): void {
    if (option === 'exceptions') {
      this.#mannersOf(peer).exceptions = true;
      peer.send(response('OPTION_RES', { option }));
    } else peer.send(response('ERROR', SERVER_ERRORS.unknownOption));
  }

  #onSubmit(peer: FakePeer, packet: Submit): void {
    const { functionName, uniqueId } = packet;
    const background = packet.type.endsWith('_BG');
    const same = [...this.#jobs.values()].find(
      (job) => uniqueId !== '' && job.uniqueId === uniqueId && job.functionName === functionName,
    );
    if (same === undefined && this.#isFull(functionName)) {
      peer.send(response('ERROR', SERVER_ERRORS.queueFull));
      return;
    }
    const job = same ?? this.#create(packet, background);
    if (!background) job.clients.push(peer);
    peer.send(response('JOB_CREATED', { handle: job.handle }));
    if (same === undefined) this.#wake(functionName);
  }

  #create({ type, functionName, uniqueId, workload }: Submit, background: boolean): FakeJob {
    const job: FakeJob = {
      handle: `H:fake:${++this.#created}`,
      functionName,
      uniqueId,
      workload,
      priority: type.includes('_HIGH') ? 0 : type.includes('_LOW') ? 2 : 1,
      background,
      clients: [],
      worker: undefined,
      numerator: '0',
      denominator: '0',
    };
    this.#jobs.set(job.handle, job);
    return job;
  }

  #onGrab(peer: FakePeer, how: RequestType): void {
    const manners = this.#mannersOf(peer);
    manners.asleep = false;
    const job = this.#nextFor(manners);
    if (job !== undefined) job.worker = peer;
    if (job === undefined) peer.send(response('NO_JOB', {}));
    else if (how === 'GRAB_JOB') peer.send(response('JOB_ASSIGN', fieldsOf(job)));
    else if (how === 'GRAB_JOB_UNIQ') peer.send(response('JOB_ASSIGN_UNIQ', fieldsOf(job)));
    else peer.send(response('JOB_ASSIGN_ALL', { ...fieldsOf(job), reducer: '' }));
  }

  #onSleep(peer: FakePeer): void {
    const manners = this.#mannersOf(peer);
    manners.asleep = true;
    this.#wakeIfNeeded(peer, manners);
  }

  #onReport(peer: FakePeer, packet: Report): void {
    const job = this.#jobs.get(packet.handle);
    if (job?.worker !== peer) {
      peer.send(response('ERROR', SERVER_ERRORS.resultJobNotFound));
      return;
    }
    if (packet.type === 'WORK_STATUS') {
      [job.numerator, job.denominator] = [packet.numerator, packet.denominator];
    }
    if (ENDINGS.has(packet.type)) this.#jobs.delete(job.handle);
    for (const client of job.clients) {
      // A client that did not ask for exceptions hears that the job failed.
      const plain = packet.type === 'WORK_EXCEPTION' && !this.#mannersOf(client).exceptions;
      client.send(plain ? response('WORK_FAIL', { handle: job.handle }) : { ...packet, magic: 'RES' });
    }
  }

  #onGetStatus(peer: FakePeer, handle: string): void {
    const { known, running, numerator, denominator } = stateOf(this.#jobs.get(handle));
    peer.send(response('STATUS_RES', { handle, known, running, numerator, denominator }));
  }

  #onGetStatusUnique(peer: FakePeer, uniqueId: string): void {
    const job = [...this.#jobs.values()].find((other) => other.uniqueId === uniqueId);
    const clients = String(job?.clients.length ?? 0);
    peer.send(response('STATUS_RES_UNIQUE', { uniqueId, ...stateOf(job), clients }));
  }

  #onText(peer: FakePeer, line: string): void {
    const [command, name, limit] = decodeText(line).trim().split(/\s+/);
    if (command !== 'maxqueue' || name === undefined) {
      peer.sendBytes('ERR UNKNOWN_COMMAND no\n');
      return;
    }
    if (limit === undefined) this.#limits.delete(name);
    else this.#limits.set(name, Number(limit));
    peer.sendBytes('OK\n');
  }

  #mannersOf(peer: FakePeer): Manners {
    let manners = this.#manners.get(peer);
    if (manners === undefined) {
      manners = { functions: new Set(), exceptions: false, asleep: false };
      this.#manners.set(peer, manners);
    }
    return manners;
  }

  #isFull(functionName: string): boolean {
    const limit = this.#limits.get(decodeText(functionName));
    if (limit === undefined) return false;
    return [...this.#jobs.values()].filter((job) => job.functionName === functionName).length >= limit;
  }

  /** The first of the highest priority: a sort keeps the order of equals. */
  #nextFor({ functions }: Manners): FakeJob | undefined {
    return [...this.#jobs.values()]
      .filter((job) => job.worker === undefined && functions.has(job.functionName))
      .sort((a, b) => a.priority - b.priority)[0];
  }

  #wake(functionName: string): void {
    for (const [peer, manners] of this.#manners) {
      if (manners.functions.has(functionName)) this.#wakeIfNeeded(peer, manners);
    }
  }

  #wakeIfNeeded(peer: FakePeer, manners: Manners): void {
    if (!manners.asleep || this.#nextFor(manners) === undefined) return;
    manners.asleep = false;
    peer.send(response('NOOP', {}));
  }
}

const ENDINGS: ReadonlySet<string> = new Set(['WORK_COMPLETE', 'WORK_FAIL', 'WORK_EXCEPTION']);

function fieldsOf({ handle, functionName, uniqueId, workload }: FakeJob) {
  return { handle, functionName, uniqueId, workload };
}

function stateOf(job: FakeJob | undefined) {
  return {
    known: job === undefined ? '0' : '1',
    running: job?.worker === undefined ? '0' : '1',
    numerator: job?.numerator ?? '0',
    denominator: job?.denominator ?? '0',
  };
}
