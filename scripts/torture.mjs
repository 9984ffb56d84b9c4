#!/usr/bin/env node
/** Runs the tests that try to break promises in their full size. See `npm run torture -- --help`. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { figuresIn, planOf, sayFigures } from './lib/torture-plan.mjs';
import { ROOT } from './lib/workspaces.mjs';

/** @typedef {import('./lib/torture-plan.mjs').Planned} Planned */

const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');
const REPORT = join(ROOT, 'torture-report.json');
/** Figures of a test that goes on are shown this often. */
const PROGRESS_MS = 10_000;
/** What is shown of the output of a test that failed, in lines. */
const LAST_LINES = 60;

const plan = planOf(process.argv.slice(2));
if ('help' in plan) process.stdout.write(plan.help);
else if ('wrong' in plan) fail(plan.wrong);
else await runAll(plan.planned);

/** @param {readonly Planned[]} planned */
async function runAll(planned) {
  const startedAt = new Date().toISOString();
  const results = [];
  for (const each of planned) {
    say(`=== ${each.torture.name}: ${each.torture.what} (${sayFigures(each.sizes) || 'full size'})`);
    const result = await run(each);
    results.push(result);
    say(`=== ${lineOf(result)}`);
  }
  const machine = {
    node: process.version,
    cpus: cpus().length,
    model: cpus()[0]?.model,
    platform: process.platform,
  };
  writeFileSync(REPORT, `${JSON.stringify({ startedAt, machine, results }, undefined, 2)}\n`);
  say('\n=== summary');
  for (const result of results) say(lineOf(result));
  say(`=== written to ${REPORT}`);
  if (results.some(({ outcome }) => outcome === 'FAILED')) process.exitCode = 1;
}

/**
 * @typedef {{ name: string, outcome: 'passed' | 'FAILED' | 'skipped', seconds: number, tests: number, skippedTests: number,
 *   figures: Record<string, unknown> }} Result
 */

/**
 * @param {Planned} planned
 * @returns {Promise<Result>}
 */
async function run({ torture, env, sizes }) {
  const folder = mkdtempSync(join(tmpdir(), 'gearman-torture-'));
  const started = Date.now();
  try {
    const outputFile = join(folder, 'result.json');
    const { code, figures, lastLines } = await vitest(torture, env, outputFile);
    const seconds = Math.round((Date.now() - started) / 1000);
    const { numPassedTests: tests, numPendingTests: skippedTests } = resultOf(outputFile);
    const outcome = code !== 0 ? 'FAILED' : tests === 0 ? 'skipped' : 'passed';
    if (outcome === 'FAILED') for (const line of lastLines) say(line);
    return { name: torture.name, outcome, seconds, tests, skippedTests, figures: { ...sizes, ...figures } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {import('./lib/torture-plan.mjs').Torture} torture
 * @param {Record<string, string>} env
 * @param {string} outputFile
 */
async function vitest({ files, minutes }, env, outputFile) {
  const args = ['--disable-console-intercept', '--reporter=default', '--reporter=json'];
  const child = spawn(
    process.execPath,
    [VITEST, 'run', ...files, ...args, `--outputFile.json=${outputFile}`],
    {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const limit = setTimeout(() => {
    say(`it has taken ${minutes} minutes and is ended`);
    child.kill('SIGTERM');
  }, minutes * 60_000);
  /** @type {Record<string, unknown>} */
  let figures = {};
  /** @type {string[]} */
  const lastLines = [];
  let shownAt = Date.now();
  /** @param {string} line */
  const read = (line) => {
    const found = figuresIn(line);
    if (found === undefined) {
      lastLines.push(line);
      if (lastLines.length > LAST_LINES) lastLines.shift();
      if (line.startsWith('SKIPPED')) say(line);
      return;
    }
    figures = { ...figures, ...found };
    if (Date.now() - shownAt < PROGRESS_MS) return;
    shownAt = Date.now();
    say(`    ${sayFigures(found)}`);
  };
  createInterface({ input: child.stdout }).on('line', read);
  createInterface({ input: child.stderr }).on('line', read);
  /** @type {number | null} */
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(limit);
  return { code, figures, lastLines };
}

/**
 * @param {string} outputFile
 * @returns {{ numPassedTests: number, numPendingTests: number }}
 */
function resultOf(outputFile) {
  try {
    return JSON.parse(readFileSync(outputFile, 'utf8'));
  } catch {
    return { numPassedTests: 0, numPendingTests: 0 };
  }
}

/** @param {Result} result */
function lineOf({ name, outcome, seconds, tests, skippedTests, figures }) {
  const skipped = skippedTests > 0 ? `, ${skippedTests} SKIPPED` : '';
  return `${name}: ${outcome} in ${seconds} s (${tests} tests${skipped}): ${sayFigures(figures)}`;
}

/** @param {string} text */
function say(text) {
  process.stdout.write(`${text}\n`);
}

/** @param {string} message */
function fail(message) {
  process.stderr.write(`torture: ${message}\n`);
  process.exitCode = 2;
}
