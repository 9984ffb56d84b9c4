import { FakeClock } from '@gearman/testing';
import type { Child, ChildEnd, ChildListener } from '../../src/supervisor/child.ts';
import { ModuleError } from '../../src/supervisor/errors.ts';
import type { SupervisorOptions } from '../../src/supervisor/options.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import type { SupervisorEvent } from '../../src/supervisor/supervisor-events.ts';

let lastPid = 1000;

/** A process that does what a test says. */
export class FakeChild implements Child {
  readonly pid = ++lastPid;
  readonly usable: Promise<void>;
  readonly ended: Promise<ChildEnd>;
  /** The limits it was told to end within. */
  readonly drains: number[] = [];
  hasEnded = false;
  readonly #listener: ChildListener;
  #resolve: () => void = () => {};
  #reject: (error: Error) => void = () => {};
  #end: (end: ChildEnd) => void = () => {};

  constructor(listener: ChildListener) {
    this.#listener = listener;
    this.usable = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.usable.catch(() => {});
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  ready(): void {
    this.#listener.onReady();
    this.#resolve();
  }

  figures(jobs: number, memoryBytes = 1): void {
    this.#listener.onFigures({ jobs, running: 0, memoryBytes });
  }

  print(line: string, stream: 'stdout' | 'stderr' = 'stdout'): void {
    this.#listener.onOutput(stream, line);
  }

  exit(exitCode: number | null = 0, signal: NodeJS.Signals | null = null): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.#end({ exitCode, signal });
    this.#reject(new ModuleError('fake', `ended with ${exitCode ?? signal}`));
  }

  drain(timeoutMs: number): Promise<ChildEnd> {
    this.drains.push(timeoutMs);
    return this.ended;
  }

  kill(): void {
    if (this.hasEnded) return;
    this.#listener.onKilled();
    this.exit(null, 'SIGKILL');
  }
}

/** A supervisor of fake processes on a fake clock, with everything it told. */
export function createFakeSupervisor(options: Partial<SupervisorOptions> = {}) {
  const clock = new FakeClock();
  const children: FakeChild[] = [];
  const settings: SupervisorOptions = {
    ...(options.modules === undefined && { module: import.meta.url }),
    clock,
    random: () => 0,
    ...options,
  };
  const supervisor = new Supervisor(settings, (_, listener) => {
    const child = new FakeChild(listener);
    children.push(child);
    return child;
  });
  const events: SupervisorEvent[] = [];
  supervisor.on('event', (event) => events.push(event));
  return {
    supervisor,
    clock,
    events,
    children,
    /** The processes that have not ended, oldest first. */
    living: () => children.filter(({ hasEnded }) => !hasEnded),
    /** The process that was started last. */
    newest: () => {
      const child = children.at(-1);
      if (child === undefined) throw new Error('no process was started');
      return child;
    },
    /** Everything that can happen without time has happened. */
    settle: () => clock.advanceAsync(0),
    /** All processes are ready. */
    async started() {
      const starting = supervisor.start();
      for (const child of children) child.ready();
      await starting;
    },
    /** Ends by `stop()`, with processes that do as they are told. */
    async end() {
      const stopping = supervisor.stop();
      for (const child of children) child.exit(0);
      return stopping;
    },
  };
}
