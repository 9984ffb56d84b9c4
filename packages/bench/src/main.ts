// npm run bench -- [modes…]: every server and library in turn, see docs/performance.md.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CHECKS, MODES } from './modes/all.ts';
import { findServers, PEERS } from './peers/find-servers.ts';
import { loadProgram } from './peers/load.ts';
import type { Bench, Mode } from './run/cell.ts';
import { writeDocs } from './run/docs.ts';
import { machine, packageVersion, programVersion } from './run/machine.ts';
import { cellText, headRoomText, number } from './run/print.ts';
import { type Record, readRecords, writeRecord } from './run/record.ts';
import type { ModeResult } from './run/results.ts';
import { runMode } from './run/run-mode.ts';

const HELP = `npm run bench -- [modes…] [options]

  --rounds <n>       how often everybody has a turn (default: 5; 1 with --quick)
  --quick            small counts and short runs, to see that all works; the figures mean little
  --peers <names>    whom to compare with, comma-separated (default: ${PEERS.join(',')})
  --out <folder>     where JSON and charts go (default: packages/bench/results)
  --write-docs       put table and charts into docs/performance.md
  --from <file>      with --write-docs: take the figures of an earlier run; may be given several times
  --list             the modes and checks
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    peers: { type: 'string', default: PEERS.join(',') },
    out: { type: 'string', default: fileURLToPath(new URL('../results', import.meta.url)) },
    'write-docs': { type: 'boolean', default: false },
    from: { type: 'string', multiple: true },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) print(HELP);
else if (values.list) list();
else if (values.from !== undefined)
  print(`wrote ${writeDocs(readRecords(values.from.map(fromHere)), MODES)}`);
else if (positionals[0] !== undefined && positionals[0] in CHECKS)
  check(positionals[0], positionals.slice(1));
else await bench();

async function bench(): Promise<void> {
  const modes = chosenModes();
  const peers = values.peers.split(',');
  const unknown = peers.filter((peer) => peer !== '' && !PEERS.some((known) => known === peer));
  if (unknown.length > 0) refuse(`no peer is called ${unknown.join(', ')}; known: ${PEERS.join(', ')}`);
  if (values.quick && values['write-docs']) refuse('--quick and --write-docs do not go together');
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) refuse('--rounds must be a positive whole number');
  const skipped = new Set<string>();
  const skip = (what: string, why: string): void => {
    if (skipped.has(what)) return;
    skipped.add(what);
    print(`SKIPPED: ${what} is not here (${why})`);
  };
  const wants = (peer: string): boolean => peers.includes(peer);
  const servers = findServers(wants, skip);
  const setup: Bench = {
    servers,
    quick: values.quick,
    ms: values.quick ? 100 : 400,
    warmMs: values.quick ? 50 : 200,
    serverWarmMs: values.quick ? 100 : 800,
    wants,
    skip,
  };
  const startedAt = new Date();
  const where = machine();
  loadProgram();
  print(
    `${where.cores} cores, ${where.processor}, ${where.system}, Node ${where.node}, load ${number(where.load)}`,
  );
  const results: ModeResult[] = [];
  for (const mode of modes) {
    print(`\n=== ${mode.name}: ${mode.title}`);
    const result = await runMode(mode, setup, rounds, (cell) => print(cellText(cell)));
    print(`\n${headRoomText(result)}`);
    results.push(result);
  }
  const record: Record = {
    format: 1,
    startedAt: startedAt.toISOString(),
    seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    rounds,
    quick: values.quick,
    machine: where,
    versions: versions(setup),
    skipped: [...skipped],
    modes: results,
  };
  print(
    `\nwrote ${writeRecord(fromHere(values.out), record)} and charts beside it, after ${record.seconds} s`,
  );
  if (values['write-docs']) print(`wrote ${writeDocs([record], MODES)}`);
  reportProblems(results);
}

function chosenModes(): readonly Mode[] {
  const unknown = positionals.filter((name) => !MODES.some((mode) => mode.name === name));
  if (unknown.length > 0) refuse(`no mode is called ${unknown.join(', ')}; see npm run bench -- --list`);
  return positionals.length === 0 ? MODES : MODES.filter(({ name }) => positionals.includes(name));
}

function versions({ servers, wants }: Bench): Record['versions'] {
  const all: { [peer: string]: string } = {};
  for (const { name, version } of servers) all[name.replace(/ -t .*/, '')] = version;
  for (const name of ['gearmanode', 'bullmq']) if (wants(name)) all[name] = packageVersion(name);
  const redis = wants('bullmq') ? programVersion('redis-server', '--version') : undefined;
  if (redis !== undefined) all['redis-server'] = redis;
  const libgearman = wants('libgearman')
    ? programVersion('pkg-config', '--modversion', 'gearmand')
    : undefined;
  if (libgearman !== undefined) all['libgearman'] = libgearman;
  return all;
}

/** A missed goal is a figure to report; a wrong result, or ours failing, is not. */
function reportProblems(modes: readonly ModeResult[]): void {
  for (const mode of modes) {
    for (const cell of mode.cells) {
      for (const [i, { name, wrong, failure }] of cell.contenders.entries()) {
        if (wrong > 0) fail(`${mode.name}, ${cell.name}: ${name} gave ${wrong} wrong results`);
        else if (i === 0 && failure !== undefined)
          fail(`${mode.name}, ${cell.name}: ${name} failed: ${failure}`);
      }
    }
  }
}

/** npm runs this in the folder of the package; paths are meant from where npm was called. */
function fromHere(path: string): string {
  return resolve(process.env['INIT_CWD'] ?? '.', path);
}

function check(name: string, args: readonly string[]): void {
  const script = fileURLToPath(new URL(`checks/${name}.js`, import.meta.url));
  const { status } = spawnSync(process.execPath, ['--expose-gc', script, ...args], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}

function list(): void {
  print('modes, all of them by default:');
  for (const { name, title } of MODES) print(`  ${name.padEnd(18)} ${title}`);
  print('\nchecks, one by its name, its own options behind --:');
  for (const [name, title] of Object.entries(CHECKS)) print(`  ${name.padEnd(18)} ${title}`);
}

/** The command line is wrong: nothing has been started yet. */
function refuse(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(2);
}

function fail(reason: string): void {
  print(`FAILED: ${reason}`);
  process.exitCode = 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
