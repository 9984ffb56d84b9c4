import { type Packet, request } from '@gearman/protocol';

/** What a client asked for. */
export interface Wish {
  readonly packet: Packet;
  readonly functionName: string;
  readonly kind: Kind;
  /** Tells it from all others. */
  readonly id: number;
  readonly workload: string;
  /** When it was sent, in steps of the book. */
  readonly sentAt: number;
}

interface Completion {
  readonly job: number;
  /** When the server had certainly read it, in steps of the book. */
  readonly readAt: number;
}

type Kind = 'plain' | 'merging' | 'epoch' | 'foreground';

/** How many of a hundred submits are of each kind. */
const KINDS: readonly (readonly [kind: Kind, percent: number])[] = [
  ['plain', 70],
  ['merging', 15],
  ['epoch', 5],
  ['foreground', 10],
];
const PRIORITIES = ['HIGH_BG', 'BG', 'LOW_BG'] as const;
const SIZES = [100, 0, 10, 1000, 5000, 100_000];
/** In place of an id: several submits may have become one job. */
const ANY_ID = -1;

/**
 * What clients were promised and workers were given, over all lives of a server; says what should not have been. Jobs are
 * known by their numbers, so that a million of them fit.
 *
 * The completion of a job is durable for certain when a job has been acknowledged that was submitted after the server had
 * read the completion: both were in the same commit, or the completion in an earlier one. Until then a kill may undo it.
 */
export class JobBook {
  readonly complaints: string[] = [];
  readonly #random: () => number;
  readonly #fills: ReadonlyMap<number, string>;
  #step = 0;
  #wishes = 0;
  #prefix: string | undefined;
  /** Background jobs that were acknowledged, and the ids of what they carry. */
  readonly #acknowledged = new Map<number, number>();
  readonly #handles = new Set<number>();
  readonly #assigned = new Set<number>();
  readonly #completed = new Set<number>();
  /** Acknowledged and not completed yet. */
  readonly #open = new Set<number>();
  #fresh: Completion[] = [];
  readonly #durablyCompleted = new Set<number>();
  /** Of each priority. */
  readonly #lastInOrder = new Map<string, number>();
  #repeats = 0;
  #countdown: { left: number; readonly resolve: () => void } | undefined;

  /** @param sizes of payloads, in bytes, the rarer ones last */
  constructor(random: () => number, sizes: readonly number[] = SIZES) {
    this.#random = random;
    this.#fills = new Map(sizes.map((size) => [size, 'x'.repeat(size)]));
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** Acknowledged and not completed yet. */
  get open(): number {
    return this.#open.size;
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

  /** Some job to submit. */
  wish(): Wish {
    const kind = this.#someKind();
    const functionName = kind === 'plain' && this.#random() < 0.3 ? 'ordered' : 'any';
    const fills = [...this.#fills.values()];
    const fill = fills[Math.floor(this.#random() ** 3 * fills.length)] ?? '';
    const priority = this.#somePriority();
    const id = ++this.#wishes;
    const workload = `${id}:${priority}:${fill}`;
    const packet = this.#packet(kind, priority, functionName, Buffer.from(workload, 'latin1'));
    return { packet, functionName, kind, id, workload, sentAt: ++this.#step };
  }

  acknowledge({ kind, id, sentAt }: Wish, handle: string): void {
    const job = this.#numberOf(handle);
    if (kind !== 'merging') this.#newHandle(job);
    if (kind === 'foreground') return;
    if (kind === 'merging') this.#acknowledged.set(job, ANY_ID);
    else this.#promise(job, id, sentAt);
    if (!this.#completed.has(job)) this.#open.add(job);
    if (this.#countdown !== undefined && --this.#countdown.left === 0) this.#countdown.resolve();
  }

  /** A worker got a job. */
  assign(handle: string, functionName: string, workload: string): void {
    this.#step++;
    const job = this.#numberOf(handle);
    const [id, priority = '', fill] = workload.split(':');
    const promised = this.#acknowledged.get(job);
    if (promised !== undefined && promised !== ANY_ID && promised !== Number(id))
      this.#complain(`${handle} came with the bytes of ${id}, not of ${promised}`);
    if (Number(id) > this.#wishes || fill === undefined || this.#fills.get(fill.length) !== fill)
      this.#complain(`${handle} came with altered bytes`);
    if (this.#durablyCompleted.has(job)) this.#complain(`${handle} was completed for good, and came again`);
    else if (this.#completed.has(job)) this.#repeats++;
    if (functionName === 'ordered' && !this.#assigned.has(job)) this.#checkOrder(job, priority);
    this.#assigned.add(job);
  }

  complete(handle: string): void {
    const job = this.#numberOf(handle);
    this.#completed.add(job);
    this.#open.delete(job);
  }

  /** The server has certainly read the completion. */
  confirm(handle: string): void {
    this.#fresh.push({ job: this.#numberOf(handle), readAt: ++this.#step });
  }

  /** The server is dead: what is not durable now never will be. */
  killed(): void {
    this.#fresh = [];
    this.#countdown = undefined;
  }

  #someKind(): Kind {
    let dice = this.#random() * 100;
    for (const [kind, percent] of KINDS) {
      dice -= percent;
      if (dice < 0) return kind;
    }
    return 'plain';
  }

  #somePriority(): (typeof PRIORITIES)[number] {
    const dice = this.#random();
    return dice < 0.6 ? 'BG' : dice < 0.8 ? 'HIGH_BG' : 'LOW_BG';
  }

  #packet(kind: Kind, priority: (typeof PRIORITIES)[number], functionName: string, workload: Buffer): Packet {
    const plain = { functionName, uniqueId: '', workload };
    switch (kind) {
      case 'foreground':
        return request('SUBMIT_JOB', plain);
      case 'epoch': {
        const seconds = Math.floor(Date.now() / 1000) + Math.floor(this.#random() * 3) - 1;
        return request('SUBMIT_JOB_EPOCH', { ...plain, epoch: String(seconds) });
      }
      case 'merging':
        return request(`SUBMIT_JOB_${priority}`, {
          ...plain,
          uniqueId: `u${Math.floor(this.#random() * 50)}`,
        });
      case 'plain':
        return request(`SUBMIT_JOB_${priority}`, plain);
    }
  }

  #numberOf(handle: string): number {
    const dash = handle.lastIndexOf('-');
    const prefix = handle.slice(0, dash);
    this.#prefix ??= prefix;
    if (prefix !== this.#prefix) this.#complain(`${handle} does not begin with ${this.#prefix}`);
    return Number(handle.slice(dash + 1));
  }

  #newHandle(job: number): void {
    if (this.#handles.has(job)) this.#complain(`the handle of ${job} was given twice`);
    this.#handles.add(job);
  }

  #promise(job: number, id: number, sentAt: number): void {
    this.#acknowledged.set(job, id);
    const later = this.#fresh.findIndex(({ readAt }) => readAt > sentAt);
    const durable = this.#fresh.splice(0, later < 0 ? this.#fresh.length : later);
    for (const completion of durable) this.#durablyCompleted.add(completion.job);
  }

  /** Jobs of one priority that nobody has had come in the order of their submits. */
  #checkOrder(job: number, priority: string): void {
    const last = this.#lastInOrder.get(priority) ?? 0;
    if (job < last) this.#complain(`${job} came after ${last}`);
    this.#lastInOrder.set(priority, job);
  }

  #complain(complaint: string): void {
    this.complaints.push(complaint);
  }
}
