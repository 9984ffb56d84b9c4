/** How long jobs took: pairs of nanoseconds and how many jobs took that long. */
export type Latencies = readonly (readonly [ns: number, jobs: number])[];

/** What one run of one contender gave. */
export interface Sample {
  /** What the contenders are compared by, in the cell's unit. */
  readonly value: number;
  /** Processor time of the server, in microseconds per job. */
  readonly serverUs?: number | undefined;
  /** Processor time of the library that is measured, in microseconds per job. */
  readonly libraryUs?: number | undefined;
  /** How much of one core the load generator used, from 0 to 1. At 1 it is what was measured. */
  readonly generatorShare?: number | undefined;
  /** Memory of the server at the end. */
  readonly residentBytes?: number | undefined;
  readonly latencies?: Latencies | undefined;
  /** Results that were not what they should be. */
  readonly wrong?: number | undefined;
}

/** A server or a library that does a cell's work. */
export interface Contender {
  readonly name: string;
  /** So far behind that more runs would say nothing. */
  readonly maxRounds?: number;
  measure(): Promise<Sample>;
}

/** What a goal compares. */
export type GoalFigure = 'value' | 'serverUs' | 'p99Us';

/** A ratio to another contender that ours should reach. */
export interface Goal {
  /** What the table in docs/performance.md calls it. */
  readonly title: string;
  readonly figure: GoalFigure;
  /** How the other one's name begins; of several the best counts. */
  readonly against: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One kind of work, done by every contender in turn; the first contender is ours. */
export interface Cell {
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly contenders: readonly Contender[];
  readonly goals?: readonly Goal[];
  /** How the name of the one begins that ratios are taken to; without it gearmand. */
  readonly baseline?: string;
  /** In charts with lines: which line, and where on it. */
  readonly line?: string;
  readonly at?: number;
}

/** Cells that belong together, and a chart. */
export interface Mode {
  readonly name: string;
  readonly title: string;
  cells(bench: Bench): readonly Cell[] | Promise<readonly Cell[]>;
  /** What the horizontal axis of a chart with lines counts; without it the chart has bars. */
  readonly axis?: string;
  /** For what is slow, or comes out the same each time. */
  readonly maxRounds?: number;
}

/** A job server that can be started. */
export interface ServerKind {
  readonly name: string;
  readonly version: string;
  readonly protocol: 'gearman' | 'beanstalk';
  /** So slow that large counts would take minutes. */
  readonly isSlow: boolean;
  /** Its code is compiled while it runs: it must have worked for a while before it shows what it can do. */
  readonly warmsUp: boolean;
  /** @param more arguments of our server and of gearmand */
  start(more?: ServerArguments): Promise<RunningServer>;
}

export interface ServerArguments {
  readonly ours?: readonly string[];
  readonly gearmand?: readonly string[];
}

export interface RunningServer {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** What modes are made with. */
export interface Bench {
  /** Ours first. */
  readonly servers: readonly ServerKind[];
  readonly quick: boolean;
  /** Of a measurement, and before it. */
  readonly ms: number;
  readonly warmMs: number;
  /** How long a server that warms up works before all that. */
  readonly serverWarmMs: number;
  /** False for peers that were not asked for. */
  wants(peer: string): boolean;
  /** Says once that something is missing. */
  skip(what: string, why: string): void;
}
