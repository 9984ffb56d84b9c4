import type { EventSource } from '@gearman/events';

/** The smallest source of events there is. */
export class Numbers implements EventSource<number> {
  readonly listeners = new Set<(event: number) => void>();

  on(_name: 'event', listener: (event: number) => void): void {
    this.listeners.add(listener);
  }

  off(_name: 'event', listener: (event: number) => void): void {
    this.listeners.delete(listener);
  }

  send(n: number): void {
    for (const listener of [...this.listeners]) listener(n);
  }
}
