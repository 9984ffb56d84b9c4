import { encodeText, type Packet, request } from '@gearman/protocol';
import { RawConnection } from '@gearman/testing';

/** What a client hears of one job. */
export interface Submitted {
  readonly handle: string;
  /** Everything the server sent about it, as `TYPE:data`. */
  readonly story: readonly string[];
  /** The packet that ends the job. */
  readonly ended: Promise<Packet<'WORK_COMPLETE' | 'WORK_FAIL' | 'WORK_EXCEPTION'>>;
}

/** A submitted job before its end. */
class Pending implements Submitted {
  readonly story: string[] = [];
  readonly handle: string;
  readonly ended: Submitted['ended'];
  #end: (packet: Packet<'WORK_COMPLETE' | 'WORK_FAIL' | 'WORK_EXCEPTION'>) => void = () => {};

  constructor(handle: string) {
    this.handle = handle;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  take(packet: Packet): void {
    if (packet.type === 'WORK_STATUS') {
      this.story.push(`${packet.type}:${packet.numerator}/${packet.denominator}`);
    } else if ('data' in packet) this.story.push(`${packet.type}:${Buffer.from(packet.data).toString()}`);
    else this.story.push(packet.type);
    if (packet.type === 'WORK_COMPLETE' || packet.type === 'WORK_EXCEPTION') {
      this.#end({ ...packet, data: Buffer.from(packet.data) });
    } else if (packet.type === 'WORK_FAIL') this.#end(packet);
  }
}

/** How to submit. */
export interface SubmitHow {
  readonly uniqueId?: string;
  readonly reducer?: string;
  readonly background?: boolean;
}

/** A client of a few lines, so that the worker is not tested with our own client. */
export class Submitter {
  readonly #connection: RawConnection;
  readonly #jobs = new Map<string, Pending>();
  readonly #created: { resolve(job: Pending): void; reject(error: Error): void }[] = [];

  private constructor(connection: RawConnection) {
    this.#connection = connection;
  }

  static async open(port: number): Promise<Submitter> {
    const connection = await RawConnection.open(port);
    connection.send(request('OPTION_REQ', { option: 'exceptions' }));
    await connection.expect('OPTION_RES');
    const submitter = new Submitter(connection);
    connection.listen((packet) => submitter.#onPacket(packet));
    return submitter;
  }

  /** Submits a job; resolves when the server has accepted it, rejects when it refuses. */
  submit(name: string, payload: string | Uint8Array = '', how: SubmitHow = {}): Promise<Submitted> {
    const common = {
      functionName: encodeText(name),
      uniqueId: encodeText(how.uniqueId ?? ''),
      workload: Buffer.from(payload),
    };
    if (how.reducer !== undefined) {
      const fields = { ...common, reducer: encodeText(how.reducer), ignored: '' };
      this.#connection.send(request('SUBMIT_REDUCE_JOB', fields));
    } else this.#connection.send(request(how.background === true ? 'SUBMIT_JOB_BG' : 'SUBMIT_JOB', common));
    return new Promise((resolve, reject) => this.#created.push({ resolve, reject }));
  }

  /** Submits a job and waits for its result; anything but a result is an error. */
  async run(name: string, payload: string | Uint8Array = '', how: SubmitHow = {}): Promise<string> {
    const job = await this.submit(name, payload, how);
    const end = await job.ended;
    if (end.type !== 'WORK_COMPLETE') throw new Error(`${name} ended with ${job.story.join(' ')}`);
    return Buffer.from(end.data).toString();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onPacket(packet: Packet): void {
    if (packet.type === 'JOB_CREATED') {
      const job = new Pending(packet.handle);
      this.#jobs.set(packet.handle, job);
      this.#created.shift()?.resolve(job);
    } else if (packet.type === 'ERROR') {
      this.#created.shift()?.reject(new Error(`${packet.code}: ${packet.text}`));
    } else if ('handle' in packet) this.#jobs.get(packet.handle)?.take(packet);
    else throw new Error(`the server sent ${JSON.stringify(packet)}`);
  }
}
