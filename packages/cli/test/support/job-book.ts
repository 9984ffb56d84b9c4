import { type Packet, request } from '@gearman/protocol';

/** What a client asked for. */
export interface Wish {
  readonly packet: Packet;
  readonly functionName: string;
  readonly kind: 'plain' | 'merging' | 'epoch' | 'foreground';
  readonly workload: string;
  /** When it was sent, in steps of the book. */
  readonly sentAt: number;
}

interface Completion {
  readonly handle: string;
  /** When the server had certainly read it, in steps of the book. */
  readonly readAt: number;
}

const SIZES = [0, 10, 100, 100, 100, 1000, 5000, 100_000];
const FILL = 'x';

/**
 * What clients were promised and workers were given, over all lives of a server; says what should not have been.
 *
 * The completion of a job is durable for certain when a job has been acknowledged that was submitted after the server had
 * read the completion: both were in the same commit, or the completion in an earlier one. Until then a kill may undo it.
 */
export class JobBook {
  readonly complaints: string[] = [];
  readonly #random: () => number;
  #step = 0;
  #wishes = 0;
  /** Background jobs that were acknowledged, with what they carry unless others may have merged into them. */
  readonly #acknowledged = new Map<string, string | undefined>();
  readonly #handles = new Set<string>();
  readonly #assigned = new Set<string>();
  readonly #completed = new Set<string>();
  /** Acknowledged and not completed yet. */
  readonly #open = new Set<string>();
  #fresh: Completion[] = [];
  readonly #durablyCompleted = new Set<string>();
  #lastInOrder = 0;
  #repeats = 0;
  #whenSettled: (() => void) | undefined;
  #countdown: { left: number; readonly resolve: () => void } | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Runs of jobs that were completed already, though not durably. */
  get repeats(): number {
    return this.#repeats;
  }

  /** Resolves after this many acknowledgements. */
  acknowledgements(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#countdown = { left: count, resolve };
    });
  }

  /** Resolves when every acknowledged job has been completed. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenSettled = resolve;
      this.#look();
    });
  }

  /** Some job to submit. */
  wish(): Wish {
    const dice = this.#random();
    const kind = dice < 0.7 ? 'plain' : dice < 0.85 ? 'merging' : dice < 0.9 ? 'epoch' : 'foreground';
    const functionName = kind === 'plain' && this.#random() < 0.3 ? 'ordered' : 'any';
    const size = SIZES[Math.floor(this.#random() ** 2 * SIZES.length)] ?? 0;
    const workload = `${++this.#wishes}:${FILL.repeat(size)}`;
    const packet = this.#packet(kind, functionName, Buffer.from(workload, 'latin1'));
    return { packet, functionName, kind, workload, sentAt: ++this.#step };
  }

  acknowledge({ kind, workload, sentAt }: Wish, handle: string): void {
    if (kind !== 'merging') this.#newHandle(handle);
    if (kind === 'foreground') return;
    if (kind === 'merging') this.#acknowledged.set(handle, undefined);
    else this.#promise(handle, workload, sentAt);
    if (!this.#completed.has(handle)) this.#open.add(handle);
    if (this.#countdown !== undefined && --this.#countdown.left === 0) this.#countdown.resolve();
  }

  /** A worker got a job. */
  assign(handle: string, functionName: string, workload: string): void {
    this.#step++;
    const promised = this.#acknowledged.get(handle);
    if (promised !== undefined && promised !== workload)
      this.#complain(`${handle} came with ${workload.length} bytes that are not its own`);
    const [, fill = ''] = workload.split(':');
    if (fill !== FILL.repeat(fill.length)) this.#complain(`${handle} came with altered bytes`);
    if (this.#durablyCompleted.has(handle))
      this.#complain(`${handle} was completed for good, and came again`);
    else if (this.#completed.has(handle)) this.#repeats++;
    if (functionName === 'ordered' && !this.#assigned.has(handle)) this.#checkOrder(handle);
    this.#assigned.add(handle);
  }

  complete(handle: string): void {
    this.#completed.add(handle);
    this.#open.delete(handle);
    this.#look();
  }

  /** The server has certainly read the completion. */
  confirm(handle: string): void {
    this.#fresh.push({ handle, readAt: ++this.#step });
  }

  /** The server is dead: what is not durable now never will be. */
  killed(): void {
    this.#fresh = [];
  }

  #packet(kind: Wish['kind'], functionName: string, workload: Buffer): Packet {
    const plain = { functionName, uniqueId: '', workload };
    if (kind === 'foreground') return request('SUBMIT_JOB', plain);
    if (kind === 'merging') {
      const uniqueId = `u${Math.floor(this.#random() * 50)}`;
      // A foreground job may become durable this way.
      return this.#random() < 0.2
        ? request('SUBMIT_JOB_HIGH_BG', { ...plain, uniqueId })
        : request('SUBMIT_JOB_BG', { ...plain, uniqueId });
    }
    if (kind === 'epoch') {
      const seconds = Math.floor(Date.now() / 1000) + Math.floor(this.#random() * 3) - 1;
      return request('SUBMIT_JOB_EPOCH', { ...plain, epoch: String(seconds) });
    }
    const dice = this.#random();
    if (functionName === 'ordered' || dice < 0.6) return request('SUBMIT_JOB_BG', plain);
    return dice < 0.8 ? request('SUBMIT_JOB_HIGH_BG', plain) : request('SUBMIT_JOB_LOW_BG', plain);
  }

  #newHandle(handle: string): void {
    if (this.#handles.has(handle)) this.#complain(`${handle} was given twice`);
    this.#handles.add(handle);
  }

  #promise(handle: string, workload: string, sentAt: number): void {
    this.#acknowledged.set(handle, workload);
    const later = this.#fresh.findIndex(({ readAt }) => readAt > sentAt);
    const durable = this.#fresh.splice(0, later < 0 ? this.#fresh.length : later);
    for (const { handle: completed } of durable) this.#durablyCompleted.add(completed);
  }

  /** Jobs of one priority that nobody has had come in the order of their submits. */
  #checkOrder(handle: string): void {
    const number = Number(handle.split('-').at(-1));
    if (number < this.#lastInOrder) this.#complain(`${handle} came after ${this.#lastInOrder}`);
    this.#lastInOrder = number;
  }

  #complain(complaint: string): void {
    this.complaints.push(complaint);
  }

  #look(): void {
    if (this.#open.size === 0) this.#whenSettled?.();
  }
}
