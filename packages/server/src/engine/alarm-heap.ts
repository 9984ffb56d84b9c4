/** Something that is due at a moment; it knows its place in the heap, so that it can be taken out again. */
export class Alarm<T> {
  /** When, on whatever scale the heap uses. */
  readonly at: number;
  readonly target: T;
  /** Maintained by the heap; −1 outside. */
  index = -1;

  constructor(at: number, target: T) {
    this.at = at;
    this.target = target;
  }
}

/** Alarms, the earliest on top. Adding and removing take logarithmic time, looking none. */
export class AlarmHeap<T> {
  readonly #alarms: Alarm<T>[] = [];

  get size(): number {
    return this.#alarms.length;
  }

  /** The earliest alarm. */
  get first(): Alarm<T> | undefined {
    return this.#alarms[0];
  }

  *targets(): IterableIterator<T> {
    for (const { target } of this.#alarms) yield target;
  }

  add(at: number, target: T): Alarm<T> {
    const alarm = new Alarm(at, target);
    this.#alarms.push(alarm);
    this.#rise(alarm, this.#alarms.length - 1);
    return alarm;
  }

  /** Takes an alarm out; does nothing if it is not in. */
  remove(alarm: Alarm<T>): void {
    const { index } = alarm;
    if (index < 0) return;
    alarm.index = -1;
    const last = this.#alarms.pop();
    if (last === undefined || last === alarm) return;
    this.#rise(last, index);
    this.#sink(last, last.index);
  }

  /** Takes out the first alarm if it is due. */
  takeDue(now: number): Alarm<T> | undefined {
    const first = this.#alarms[0];
    if (first === undefined || first.at > now) return undefined;
    this.remove(first);
    return first;
  }

  #rise(alarm: Alarm<T>, from: number): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#alarms[above];
      if (parent === undefined || parent.at <= alarm.at) break;
      this.#put(parent, index);
      index = above;
    }
    this.#put(alarm, index);
  }

  #sink(alarm: Alarm<T>, from: number): void {
    let index = from;
    for (;;) {
      const left = this.#alarms[2 * index + 1];
      const right = this.#alarms[2 * index + 2];
      const smaller = right !== undefined && left !== undefined && right.at < left.at ? right : left;
      if (smaller === undefined || smaller.at >= alarm.at) break;
      const below = smaller.index;
      this.#put(smaller, index);
      index = below;
    }
    this.#put(alarm, index);
  }

  #put(alarm: Alarm<T>, index: number): void {
    this.#alarms[index] = alarm;
    alarm.index = index;
  }
}
