import type { Job } from './job.ts';

/** Jobs in order, linked through themselves: every operation takes the same time however many there are. */
export class JobQueue {
  #head: Job | undefined;
  #tail: Job | undefined;
  #size = 0;

  get head(): Job | undefined {
    return this.#head;
  }

  get tail(): Job | undefined {
    return this.#tail;
  }

  get size(): number {
    return this.#size;
  }

  pushBack(job: Job): void {
    job.previous = this.#tail;
    job.next = undefined;
    if (this.#tail === undefined) this.#head = job;
    else this.#tail.next = job;
    this.#tail = job;
    this.#size++;
  }

  pushFront(job: Job): void {
    job.next = this.#head;
    job.previous = undefined;
    if (this.#head === undefined) this.#tail = job;
    else this.#head.previous = job;
    this.#head = job;
    this.#size++;
  }

  /** Takes out a job that is in this queue. */
  remove(job: Job): void {
    if (job.previous === undefined) this.#head = job.next;
    else job.previous.next = job.next;
    if (job.next === undefined) this.#tail = job.previous;
    else job.next.previous = job.previous;
    job.next = undefined;
    job.previous = undefined;
    this.#size--;
  }
}
