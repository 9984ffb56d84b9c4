import type { GrabLoop } from './grab-loop.ts';
import { Latch } from './latch.ts';
import type { RestReason } from './worker-status.ts';

/** Which servers are not asked for jobs, and who waits until none of their jobs runs. */
export class Rests {
  readonly #reasons = new Map<string, RestReason>();
  readonly #pauses = new Set<{ readonly servers: readonly string[]; readonly latch: Latch }>();

  get(server: string): RestReason | undefined {
    return this.#reasons.get(server);
  }

  has(server: string): boolean {
    return this.#reasons.size > 0 && this.#reasons.has(server);
  }

  /** True while somebody waits. */
  get awaited(): boolean {
    return this.#pauses.size > 0;
  }

  /** Lets servers rest; resolves when {@link check} finds nothing of them at work. */
  pause(servers: readonly string[]): Promise<void> {
    for (const each of servers) if (!this.#reasons.has(each)) this.#reasons.set(each, 'paused');
    const pause = { servers, latch: new Latch() };
    this.#pauses.add(pause);
    return pause.latch.promise;
  }

  resume(servers: readonly string[]): void {
    for (const each of servers) if (this.get(each) === 'paused') this.#reasons.delete(each);
  }

  leave(server: string): void {
    this.#reasons.set(server, 'stopped');
  }

  /** Ends whatever rest a server has. Returns true when it had been left. */
  end(server: string): boolean {
    const left = this.get(server) === 'stopped';
    this.#reasons.delete(server);
    return left;
  }

  /** Looks who need not wait any longer. */
  check(loops: readonly GrabLoop[]): void {
    const busy = new Set(
      loops
        .filter(({ jobs, inFlight }) => jobs.size > 0 || inFlight > 0)
        .map(({ connection }) => connection.server),
    );
    for (const pause of this.#pauses) {
      if (pause.servers.some((each) => busy.has(each))) continue;
      this.#pauses.delete(pause);
      pause.latch.open();
    }
  }

  /** Nobody waits any longer. */
  close(): void {
    this.check([]);
  }
}
