import type { Command, Scenario } from './commands.ts';
import { handleOf, linesOf } from './describe.ts';
import { findBroken, findLeftOver } from './invariants.ts';
import type { Costs, JobSystem, ModelClock, Rules } from './job-system.ts';
import { Model } from './model.ts';
import { RealSystem } from './real-system.ts';

/** How much of the rules a run has met. */
export interface Tally {
  runs: number;
  steps: number;
  /** Answers and effects, without their details, and how often they came. */
  readonly met: Map<string, number>;
}

// So early that the smallest steps of the engine's clock in a run are not lost in rounding.
const START: ModelClock = { wallMs: 1_000_000_000, monotonicMs: 0 };
const FUNCTIONS = ['f', 'g', 'h'] as const;
const TEN_MINUTES_MS = 600_000;

/** Plays the same steps to the model and to the engine. @throws Error at the first difference */
export function playScenario(scenario: Scenario, costs: Costs, tally?: Tally): void {
  const run = new Run(scenario.rules, costs);
  for (let i = 0; i < 3; i++) run.take({ type: 'connect', exceptions: i === 0 });
  for (const command of scenario.commands) run.take(command);
  run.endAllJobs();
  run.leave();
  if (tally !== undefined) run.addTo(tally);
}

/** What the engine counts for a job and for a client that waits, found out by asking. */
export function measureCosts(): Costs {
  const rules: Rules = {
    jobRetries: -1,
    requeue: 'tail',
    workerWakeup: 0,
    wakeupLookMs: 50,
    noWorker: 'queue',
    maxFunctions: 10,
    maxFunctionsPerConnection: 10,
    maxJobs: 1000,
    maxQueueBytes: 1_000_000,
    retry: undefined,
    ttlMs: undefined,
    maxDead: 1,
    parks: false,
  };
  const system = new RealSystem(rules, { ...START });
  const submission = { functionName: 'f', uniqueId: '', workload: '', priority: 1, runAtMs: 0 } as const;
  const peer = system.connect(false);
  system.submit(peer, { ...submission, background: true, reducer: undefined });
  const jobBytes = system.engine.sizeBytes;
  system.submit(peer, { ...submission, background: false, reducer: undefined });
  const watcherBytes = system.engine.sizeBytes - 2 * jobBytes;
  system.canDo(peer, 'f', 0);
  system.grab(peer);
  system.work(peer, 'fail', handleOf(1), '');
  const deadBytes = system.engine.sizeBytes - jobBytes - watcherBytes - submission.functionName.length;
  return { jobBytes, watcherBytes, deadBytes };
}

class Run {
  readonly #clock: ModelClock = { ...START };
  readonly #costs: Costs;
  readonly #model: Model;
  readonly #real: RealSystem;
  #peers: number[] = [];
  /** Every job anybody was told of. */
  readonly #handles: string[] = [];
  /** Who grabbed what, the latest last. */
  readonly #grabs: { readonly peer: number; readonly handle: string }[] = [];
  /** How often each client waits for each job, and how often it has heard that it ended. */
  readonly #attached = new Map<string, number>();
  readonly #ends = new Map<string, number>();
  readonly #history: { readonly command: Command; readonly answer: string }[] = [];
  readonly #effects: string[] = [];

  constructor(rules: Rules, costs: Costs) {
    this.#costs = costs;
    this.#model = new Model(rules, this.#clock, costs);
    this.#real = new RealSystem(rules, this.#clock);
  }

  take(command: Command): void {
    const step = this.#resolve(command);
    if (step === undefined) return;
    if (command.type === 'pass') {
      this.#clock.wallMs += command.ms;
      this.#clock.monotonicMs += command.ms;
    } else if (command.type === 'set-wall-clock') {
      this.#clock.wallMs += command.byMs;
    }
    const expected = step(this.#model);
    const answer = step(this.#real);
    const effects = this.#model.takeEffects();
    this.#history.push({ command, answer: expected });
    this.#same('the answer', [expected], [answer]);
    this.#same('what was heard', effects, this.#real.takeEffects());
    this.#sameState();
    this.#same('the invariants', [], findBroken(this.#real, this.#costs));
    this.#effects.push(...effects);
    this.#note(command, answer, effects);
  }

  /** Lets every job end, and looks whether everybody was told. */
  endAllJobs(): void {
    for (let peer = 0; peer < this.#peers.length; peer++) this.take({ type: 'reset-abilities', peer });
    this.take({ type: 'pass', ms: TEN_MINUTES_MS, advance: true });
    this.take({ type: 'connect', exceptions: true });
    const peer = this.#peers.length - 1;
    for (const fn of FUNCTIONS) {
      if (!Array.from(this.#real.engine.functions()).some(({ name }) => name === fn)) continue;
      this.take({ type: 'can-do', peer, fn, timeoutMs: 0 });
      for (let grabs = -1; grabs < this.#grabs.length; ) {
        grabs = this.#grabs.length;
        this.take({ type: 'grab', peer });
        this.take({ type: 'work', packet: 'complete', job: 0, peer: undefined, text: '' });
      }
      this.take({ type: 'cant-do', peer, fn });
    }
    for (const [client, times] of this.#attached) {
      this.#same(`ends heard by ${client}`, [`${times}`], [`${this.#ends.get(client) ?? 0}`]);
    }
    for (const client of this.#ends.keys()) {
      this.#same(
        'ends',
        [],
        this.#attached.has(client) ? [] : [`${client} heard of the end of a job not its own`],
      );
    }
  }

  /** Everybody goes; nothing must be left. */
  leave(): void {
    while (this.#peers.length > 0) this.take({ type: 'disconnect', peer: 0 });
    this.take({ type: 'pass', ms: TEN_MINUTES_MS, advance: true });
    this.#same('what is left', [], findLeftOver(this.#real));
  }

  addTo(tally: Tally): void {
    tally.runs++;
    tally.steps += this.#history.length;
    for (const { command, answer } of this.#history) {
      count(tally.met, `${command.type}: ${answer.replace(/^(H:|peer )\d+.*/, '$1…')}`);
    }
    for (const effect of this.#effects) {
      // `peer 2: data H:1 9` or `job H:1 ended complete`.
      const [, heard, told] = /^peer \d+: (\S+)|^job \S+ (.*?)[ \d]*$/.exec(effect) ?? [];
      count(tally.met, heard ?? told ?? effect);
    }
  }

  /** What the step means now; undefined when it means nothing. */
  #resolve(command: Command): ((system: JobSystem) => string) | undefined {
    switch (command.type) {
      case 'connect':
        return (system) => `peer ${system.connect(command.exceptions)}`;
      case 'create-function':
        return (system) => system.createFunction(command.fn);
      case 'drop-function':
        return (system) => system.dropFunction(command.fn);
      case 'max-queue':
        return done((system) => system.setMaxQueue(command.fn, command.limits));
      case 'drain':
        return done((system) => system.drain());
      case 'set-wall-clock':
        return () => '';
      case 'pass':
        return done((system) => {
          if (command.advance) system.advance();
        });
      case 'cancel': {
        const handle = pick(this.#handles, command.job) ?? 'H:1';
        return (system) => system.cancel(handle);
      }
      case 'requeue-dead':
      case 'delete-dead': {
        const handle = pick(this.#handles, command.job) ?? 'H:1';
        return (system) =>
          command.type === 'requeue-dead' ? system.requeueDead(handle) : system.deleteDead(handle);
      }
      case 'work': {
        // Number 0 is the job that was grabbed last.
        const grab = pick(this.#grabs.toReversed(), command.job);
        const peer = command.peer === undefined ? grab?.peer : pick(this.#peers, command.peer);
        if (grab === undefined || peer === undefined || !this.#peers.includes(peer)) return undefined;
        return (system) => system.work(peer, command.packet, grab.handle, command.text);
      }
      default:
        return this.#resolveOfPeer(command);
    }
  }

  #resolveOfPeer(
    command: Extract<Command, { readonly peer: number }>,
  ): ((system: JobSystem) => string) | undefined {
    const peer = pick(this.#peers, command.peer);
    if (peer === undefined) return undefined;
    switch (command.type) {
      case 'disconnect':
        return done((system) => system.disconnect(peer));
      case 'set-client-id':
        return done((system) => system.setClientId(peer, command.id));
      case 'want-exceptions':
        return done((system) => system.wantExceptions(peer));
      case 'want-streaming':
        return done((system) => system.wantStreaming(peer));
      case 'can-do':
        return (system) => system.canDo(peer, command.fn, command.timeoutMs);
      case 'cant-do':
        return done((system) => system.cantDo(peer, command.fn));
      case 'reset-abilities':
        return done((system) => system.resetAbilities(peer));
      case 'pre-sleep':
        return done((system) => system.preSleep(peer));
      case 'grab':
        return (system) => system.grab(peer);
      case 'submit': {
        const { fn: functionName, uniqueId, workload, priority, background, reducer } = command;
        const request = { functionName, uniqueId, workload, priority, background, reducer, runAtMs: 0 };
        return (system) => system.submit(peer, request);
      }
      case 'submit-epoch': {
        const { fn: functionName, uniqueId, workload, inMs } = command;
        const runAtMs = this.#clock.wallMs + inMs;
        const request = { functionName, uniqueId, workload, runAtMs, priority: 1, background: true } as const;
        return (system) => system.submit(peer, { ...request, reducer: undefined });
      }
      default:
        // Both are resolved before: their peer is another thing.
        return undefined;
    }
  }

  #note(command: Command, answer: string, effects: readonly string[]): void {
    for (const effect of effects) {
      const end = /^(peer \d+): (?:complete|fail|exception) (H:\d+)/.exec(effect);
      if (end !== null) count(this.#ends, `${end[2]} for ${end[1]}`);
    }
    if (command.type === 'connect') this.#peers.push(Number(answer.slice('peer '.length)));
    const handle = /^H:\d+/.exec(answer)?.[0];
    if (handle !== undefined) this.#noteJob(command, handle);
    if (command.type === 'disconnect') this.#noteGone(pick(this.#peers, command.peer));
  }

  #noteJob(command: Command, handle: string): void {
    if (!this.#handles.includes(handle)) this.#handles.push(handle);
    if (command.type === 'grab') {
      const peer = pick(this.#peers, command.peer);
      if (peer !== undefined) this.#grabs.push({ peer, handle });
    } else if (command.type === 'submit' && !command.background) {
      count(this.#attached, `${handle} for peer ${pick(this.#peers, command.peer)}`);
    }
  }

  /** Whoever goes has heard of an end at most once, and hears nothing any more. */
  #noteGone(peer: number | undefined): void {
    this.#peers = this.#peers.filter((each) => each !== peer);
    for (const [client, times] of this.#attached) {
      if (!client.endsWith(` peer ${peer}`)) continue;
      this.#same('ends', [], (this.#ends.get(client) ?? 0) > times ? [`${client} heard of too many`] : []);
      this.#attached.delete(client);
      this.#ends.delete(client);
    }
  }

  #sameState(): void {
    const expected = this.#model.describe();
    const actual = this.#real.describe();
    if (expected.length === actual.length && expected.every((fact, i) => fact === actual[i])) return;
    this.#same('the state', linesOf(expected), linesOf(actual));
  }

  #same(what: string, expected: readonly string[], actual: readonly string[]): void {
    if (expected.length === actual.length && expected.every((line, i) => line === actual[i])) return;
    const differing = (lines: readonly string[], others: readonly string[]): string =>
      lines.filter((line) => !others.includes(line)).join('\n  ') || '(the same, in another order)';
    const steps = this.#history.map(({ command, answer }) => `${JSON.stringify(command)} → ${answer}`);
    throw new Error(
      `${what}\nexpected\n  ${differing(expected, actual)}\nbut got\n  ${differing(actual, expected)}\n` +
        `after\n  ${steps.join('\n  ')}\nexpected in full\n  ${expected.join('\n  ')}`,
    );
  }
}

function done(act: (system: JobSystem) => void): (system: JobSystem) => string {
  return (system) => {
    act(system);
    return 'done';
  };
}

function pick<T>(items: readonly T[], number: number): T | undefined {
  return items[number % items.length];
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
