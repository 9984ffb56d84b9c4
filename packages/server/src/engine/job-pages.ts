import type { Job } from './job.ts';

const SLOTS_PER_PAGE = 512;

interface Page {
  readonly jobs: (Job | undefined)[];
  count: number;
}

/**
 * Jobs by number, in pages.
 *
 * Numbers are given out in order, so jobs of one time lie together. A Map of a million jobs would do the same, but stop
 * the process for a tenth of a second whenever it grows.
 */
export class JobPages {
  readonly #pages = new Map<number, Page>();
  #lastPage: Page | undefined;
  #lastIndex = -1;
  #size = 0;
  /** True when pages were made that do not lie behind all others. */
  #isMixed = false;

  get size(): number {
    return this.#size;
  }

  get(number: number): Job | undefined {
    return this.#pageOf(number)?.jobs[number % SLOTS_PER_PAGE];
  }

  add(job: Job): void {
    const index = Math.floor(job.number / SLOTS_PER_PAGE);
    let page = this.#pageOf(job.number);
    if (page === undefined) {
      // Filled, so that the array stays a plain one and slots can be set in any order.
      page = { jobs: new Array<Job | undefined>(SLOTS_PER_PAGE).fill(undefined), count: 0 };
      if (index < this.#lastIndex) this.#isMixed = true;
      if (this.#lastPage?.count === 0) this.#pages.delete(this.#lastIndex);
      this.#pages.set(index, page);
      this.#lastPage = page;
      this.#lastIndex = index;
    }
    page.jobs[job.number % SLOTS_PER_PAGE] = job;
    page.count++;
    this.#size++;
  }

  /** @returns false when it was not in */
  delete(job: Job): boolean {
    const page = this.#pageOf(job.number);
    const slot = job.number % SLOTS_PER_PAGE;
    if (page === undefined || page.jobs[slot] !== job) return false;
    page.jobs[slot] = undefined;
    page.count--;
    this.#size--;
    const index = Math.floor(job.number / SLOTS_PER_PAGE);
    // The page in use stays: with few jobs at a time it would be made again for each.
    if (page.count === 0 && index !== this.#lastIndex) this.#pages.delete(index);
    return true;
  }

  /** Every job, oldest first; jobs may come and go while one looks. */
  *values(): IterableIterator<Job> {
    for (const page of this.#isMixed ? this.#sorted() : this.#pages.values()) {
      for (const job of page.jobs) if (job !== undefined) yield job;
    }
  }

  /** The numbers of all pages, in no order. */
  pages(): IterableIterator<number> {
    return this.#pages.keys();
  }

  /** The jobs of one page, oldest first. */
  jobsOf(index: number): Job[] {
    return this.#pages.get(index)?.jobs.filter((job) => job !== undefined) ?? [];
  }

  *#sorted(): IterableIterator<Page> {
    for (const index of [...this.#pages.keys()].sort((a, b) => a - b)) {
      const page = this.#pages.get(index);
      if (page !== undefined) yield page;
    }
  }

  #pageOf(number: number): Page | undefined {
    const index = Math.floor(number / SLOTS_PER_PAGE);
    return index === this.#lastIndex ? this.#lastPage : this.#pages.get(index);
  }
}
