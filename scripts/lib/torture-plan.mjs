import { parseArgs } from 'node:util';

/**
 * One torture: test files of this repository in the size that takes minutes.
 *
 * @typedef {{ readonly option: string, readonly variable: string, readonly full: number }} Size
 * @typedef {object} Torture
 * @property {string} name
 * @property {string} what one line
 * @property {readonly string[]} files
 * @property {readonly Size[]} sizes options that change how long it takes, and the variables that the tests read
 * @property {Readonly<Record<string, string>>} [env]
 * @property {number} minutes after which it is ended
 */

/** @type {readonly Torture[]} in the order in which they run */
export const TORTURES = [
  {
    name: 'simulation',
    what: 'the engine with a store that refuses, is slow and is killed, on a fake clock',
    files: ['packages/server/test/simulation'],
    sizes: [{ option: 'seeds', variable: 'GEARMAN_SIMULATION_SEEDS', full: 10_000 }],
    minutes: 20,
  },
  {
    name: 'model',
    what: 'the engine against a simple model, random commands',
    files: ['packages/server/test/model'],
    sizes: [{ option: 'runs', variable: 'GEARMAN_MODEL_RUNS', full: 20_000 }],
    minutes: 20,
  },
  {
    name: 'differential',
    what: 'the server against gearmand, random scripts',
    files: ['packages/server/test/differential'],
    sizes: [{ option: 'scripts', variable: 'GEARMAN_DIFFERENTIAL_SCRIPTS', full: 2000 }],
    minutes: 20,
  },
  {
    name: 'damage',
    what: 'the journal after power cuts on a disk in memory, and flipped bits',
    files: ['packages/store-journal/test/unit/damage.test.ts'],
    sizes: [
      { option: 'images', variable: 'GEARMAN_POWER_CUTS', full: 2000 },
      { option: 'flips', variable: 'GEARMAN_BIT_FLIPS', full: 10_000 },
    ],
    minutes: 20,
  },
  {
    name: 'bits',
    what: 'every bit of a journal flipped, and the journal cut at every byte',
    files: [
      'packages/store-journal/test/unit/every-bit-of-the-last-segment.test.ts',
      'packages/store-journal/test/unit/every-bit-of-an-earlier-segment.test.ts',
    ],
    sizes: [{ option: 'every', variable: 'GEARMAN_EVERY_BIT', full: 1 }],
    minutes: 60,
  },
  {
    name: 'power-cuts',
    what: 'what a disk may hold after a power cut, rebuilt from what strace saw of a server',
    files: ['packages/cli/test/integration/power-cuts.test.ts'],
    sizes: [{ option: 'cuts', variable: 'GEARMAN_TRACED_CUTS', full: 2000 }],
    minutes: 30,
  },
  {
    name: 'failing-disks',
    what: 'disks on which anything may fail at any time, full disks, slow ones, no file descriptors',
    files: [
      'packages/store-journal/test/unit/failing-disk.test.ts',
      'packages/store-journal/test/integration/failing-disk.test.ts',
      'packages/cli/test/integration/full-disk.test.ts',
      'packages/cli/test/integration/no-descriptors.test.ts',
    ],
    sizes: [{ option: 'disks', variable: 'GEARMAN_FAILING_DISKS', full: 5000 }],
    minutes: 30,
  },
  {
    name: 'kills',
    what: 'gearmand under load, killed (SIGKILL) at random moments and started again',
    files: ['packages/cli/test/integration/kills.test.ts'],
    sizes: [
      { option: 'kills', variable: 'GEARMAN_KILLS', full: 1000 },
      { option: 'jobs', variable: 'GEARMAN_JOBS_PER_KILL', full: 2800 },
    ],
    minutes: 30,
  },
  {
    name: 'postgres',
    what: 'gearmand with PostgreSQL: killed, paused, cut off; the database crashed and restarted; all under load',
    files: ['packages/cli/test/interop/postgres.test.ts'],
    sizes: [{ option: 'times', variable: 'GEARMAN_POSTGRES_KILLS', full: 100 }],
    minutes: 60,
  },
  {
    name: 'client',
    what: 'a client whose servers are killed and restarted',
    files: ['packages/client/test/torture'],
    sizes: [],
    env: { GEARMAN_TORTURE: '1' },
    minutes: 20,
  },
  {
    name: 'worker',
    what: 'workers whose servers and processes are killed',
    files: ['packages/worker/test/integration/torture.test.ts'],
    sizes: [],
    env: { GEARMAN_TORTURE: '1' },
    minutes: 25,
  },
];

const HELP = `npm run torture [-- names… options]

Runs the tests that try to break promises in their full size, one after the other, and writes torture-report.json.
Without names: all of them.

${TORTURES.map(({ name, what, sizes }) => `  ${name.padEnd(14)}${what}${sizes.map(({ option, full }) => `\n${' '.repeat(16)}--${option} ${full}`).join('')}`).join('\n')}
`;

/**
 * What the arguments ask for.
 *
 * @param {readonly string[]} args
 * @returns {{ help: string } | { wrong: string } | { planned: Planned[] }}
 *
 * @typedef {{ torture: Torture, env: Record<string, string>, sizes: Record<string, number> }} Planned
 */
export function planOf(args) {
  const sizes = TORTURES.flatMap((torture) => torture.sizes.map(({ option }) => option));
  /** @type {import('node:util').ParseArgsConfig['options']} */
  const options = { help: { type: 'boolean' } };
  for (const option of sizes) options[option] = { type: 'string' };
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    if (values['help'] === true) return { help: HELP };
    const unknown = positionals.find((name) => !TORTURES.some((torture) => torture.name === name));
    if (unknown !== undefined) return { wrong: `there is no torture "${unknown}"; --help lists them` };
    const chosen = TORTURES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
    const planned = chosen.map((torture) => withSizes(torture, values));
    const unused = sizes.find((option) => values[option] !== undefined && !uses(chosen, option));
    return unused === undefined
      ? { planned }
      : { wrong: `--${unused} belongs to none of ${positionals.join(', ')}` };
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * @param {readonly Torture[]} chosen
 * @param {string} option
 */
function uses(chosen, option) {
  return chosen.some(({ sizes }) => sizes.some((size) => size.option === option));
}

/**
 * @param {Torture} torture
 * @param {Record<string, unknown>} values
 * @returns {Planned}
 */
function withSizes(torture, values) {
  /** @type {Record<string, string>} */
  const env = { ...torture.env };
  /** @type {Record<string, number>} */
  const sizes = {};
  for (const { option, variable, full } of torture.sizes) {
    const asked = values[option] === undefined ? full : Number(values[option]);
    if (!Number.isInteger(asked) || asked < 1) throw new Error(`--${option} takes a number from 1 on`);
    sizes[option] = asked;
    env[variable] = String(asked);
  }
  return { torture, env, sizes };
}

/**
 * What a test says of itself: a line `torture: {"kills":200,"lost":0}` on its output.
 *
 * @param {string} line
 * @returns {Record<string, unknown> | undefined}
 */
export function figuresIn(line) {
  const [, json] = /^torture: (\{.*\})\s*$/.exec(line) ?? [];
  if (json === undefined) return undefined;
  /** @type {Record<string, unknown>} */
  const figures = JSON.parse(json);
  return figures;
}

/** @param {Readonly<Record<string, unknown>>} figures */
export function sayFigures(figures) {
  return Object.entries(figures)
    .map(
      ([name, value]) => `${name} ${typeof value === 'number' ? value.toLocaleString('en') : String(value)}`,
    )
    .join(', ');
}
