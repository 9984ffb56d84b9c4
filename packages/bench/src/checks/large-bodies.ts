// Large payloads: memory of the server while a gigabyte of them waits in its queue, and one there and back beside gearmand.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median } from '../support/figures.ts';
import { startServer } from '../support/peer.ts';
import { headOf, RawBodies } from '../support/raw-body.ts';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '16' },
    mib: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '7' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const MIB = 2 ** 20;
const JOBS = Number(values.jobs);
const PAYLOAD_BYTES = Number(values.mib) * MIB;
const ROUNDS = Number(values.rounds);
const MOST_GROWTH_BYTES = 64 * MIB;
const SAMPLE_MS = 10;
const SUBMIT_JOB = 7;
const SUBMIT_JOB_BG = 18;
const CAN_DO = 1;
const GRAB_JOB = 9;
const NO_JOB = 10;
const JOB_CREATED = 8;
const JOB_ASSIGN = 11;
const WORK_COMPLETE = 13;
const TICKS_PER_S = 100;

const piece = Buffer.alloc(MIB, 'a gigabyte of this ');
const payload: readonly Buffer[] = Array.from({ length: PAYLOAD_BYTES / MIB }, () => piece);
const options = { limits: { maxPacketBytes: PAYLOAD_BYTES + 1024, outboxHardBytes: 4 * PAYLOAD_BYTES } };
const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

const submit = (client: RawBodies, code: number): Promise<void> =>
  client.send(headOf(code, ['f', ''], PAYLOAD_BYTES), ...payload);

/** The handle in the packet that comes next, which must be of this type. */
async function handleFrom(connection: RawBodies, code: number): Promise<string> {
  const packet = await connection.next();
  const [handle = ''] = packet.start.toString('latin1').split('\0');
  if (packet.code !== code)
    throw new Error(`expected packet ${code}, got ${packet.code}: ${packet.start.toString('latin1')}`);
  return handle;
}

/** Submits all jobs, and when all wait, lets a worker have them. */
async function throughQueue(kind: string, code: number, dataDir: string | undefined): Promise<boolean> {
  const spool = { directory: join(await mkdtemp(join(values.directory, 'large-bodies-')), 'spool') };
  if (dataDir === undefined) delete process.env['DATA_DIR'];
  else process.env['DATA_DIR'] = dataDir;
  const { peer, port } = await startServer({ ...options, spool });
  const idleBytes = (await peer.memory()).rssBytes;
  let mostBytes = 0;
  const sampling = setInterval(() => {
    void peer.residentBytes().then((bytes) => {
      mostBytes = Math.max(mostBytes, bytes);
    });
  }, SAMPLE_MS);
  const client = new RawBodies(port, false);
  const startedAt = performance.now();
  for (let job = 0; job < JOBS; job++) {
    await submit(client, code);
    await handleFrom(client, JOB_CREATED);
  }
  const submittedMs = performance.now() - startedAt;
  const submitBytes = mostBytes - idleBytes;
  mostBytes = 0;
  const worker = new RawBodies(port, true);
  await worker.send(headOf(CAN_DO, [], 1), Buffer.from('f'));
  const takingAt = performance.now();
  const sums = new Set<string>();
  let taken = 0;
  for (;;) {
    await worker.send(headOf(GRAB_JOB, [], 0));
    const packet = await worker.next();
    if (packet.code === NO_JOB) break;
    const [handle = '', name = ''] = packet.start.toString('latin1').split('\0');
    const textBytes = handle.length + name.length + 2;
    if (packet.code !== JOB_ASSIGN || packet.sizeBytes !== textBytes + PAYLOAD_BYTES)
      throw new Error(`packet ${packet.code}`);
    sums.add(packet.sums.map((sum) => sum).join(' '));
    taken++;
    await worker.send(headOf(WORK_COMPLETE, [handle], 0));
  }
  const takenMs = performance.now() - takingAt;
  clearInterval(sampling);
  const workBytes = mostBytes - idleBytes;
  client.socket.destroy();
  worker.socket.destroy();
  await peer.stop();
  await rm(join(spool.directory, '..'), { recursive: true });
  const isGood = taken === JOBS && submitBytes <= MOST_GROWTH_BYTES && workBytes <= MOST_GROWTH_BYTES;
  const rate = (ms: number): string => `${((JOBS * PAYLOAD_BYTES) / MIB / (ms / 1000)).toFixed(0)} MiB/s`;
  say(
    `${kind}: ${taken} of ${JOBS} jobs of ${mib(PAYLOAD_BYTES)}; memory above idle: at most ${mib(submitBytes)} while submitted ` +
      `(${rate(submittedMs)}), ${mib(workBytes)} while taken (${rate(takenMs)}); goal: ${mib(MOST_GROWTH_BYTES)}`,
  );
  return isGood;
}

/** Processor time that a process has used, in milliseconds. */
function cpuMs(pid: number): number {
  const line = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_S) * 1000;
}

interface RoundTrip {
  readonly ms: number;
  readonly cpuMs: number;
}

/** One job after the other: there with its payload, back with a result of the same size. */
async function thereAndBack(port: number, pid: number): Promise<RoundTrip[]> {
  const client = new RawBodies(port, false);
  const worker = new RawBodies(port, false);
  await worker.send(headOf(CAN_DO, [], 1), Buffer.from('f'));
  const trips: RoundTrip[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const startedAt = performance.now();
    const cpuBefore = cpuMs(pid);
    await submit(client, SUBMIT_JOB);
    await handleFrom(client, JOB_CREATED);
    await worker.send(headOf(GRAB_JOB, [], 0));
    const handle = await handleFrom(worker, JOB_ASSIGN);
    await Promise.all([
      worker.send(headOf(WORK_COMPLETE, [handle], PAYLOAD_BYTES), ...payload),
      handleFrom(client, WORK_COMPLETE),
    ]);
    // The first one warms up.
    if (round > 0) trips.push({ ms: performance.now() - startedAt, cpuMs: cpuMs(pid) - cpuBefore });
  }
  client.socket.destroy();
  worker.socket.destroy();
  return trips;
}

function report(name: string, trips: readonly RoundTrip[]): number {
  const ms = median(trips.map((trip) => trip.ms));
  const cpu = median(trips.map((trip) => trip.cpuMs));
  const rounds = trips.map((trip) => trip.ms.toFixed(0)).join(' ');
  say(`${name}: ${ms.toFixed(0)} ms there and back (${rounds}), ${cpu.toFixed(0)} ms of processor time`);
  return ms;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** gearmand on a free port; undefined where it is not installed. */
async function startGearmand(): Promise<{ child: ChildProcess; port: number } | undefined> {
  const port = await freePort();
  const child = spawn('/usr/sbin/gearmand', ['--listen=127.0.0.1', `--port=${port}`, '--log-file=none'], {
    stdio: 'ignore',
  });
  const failed = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(true));
    child.once('spawn', () => resolve(false));
  });
  if (failed) return undefined;
  for (;;) {
    const probe = new RawBodies(port, false);
    const isOpen = await new Promise<boolean>((resolve) => {
      probe.socket.once('connect', () => resolve(true));
      probe.socket.once('error', () => resolve(false));
    });
    probe.socket.destroy();
    if (isOpen) return { child, port };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function ours(name: string, spooled: boolean): Promise<number> {
  delete process.env['DATA_DIR'];
  const directory = await mkdtemp(join(values.directory, 'large-bodies-'));
  const { peer, port } = await startServer({ ...options, ...(spooled && { spool: { directory } }) });
  const ms = report(name, await thereAndBack(port, peer.pid));
  await peer.stop();
  await rm(directory, { recursive: true });
  return ms;
}

const dataDir = await mkdtemp(join(values.directory, 'large-bodies-'));
let isGood = await throughQueue('foreground', SUBMIT_JOB, undefined);
isGood = (await throughQueue('background, journal', SUBMIT_JOB_BG, dataDir)) && isGood;
await rm(dataDir, { recursive: true });

const gearmand = await startGearmand();
if (gearmand === undefined) say('SKIPPED: gearmand is not installed');
else {
  const { child, port } = gearmand;
  const theirs = report('gearmand', await thereAndBack(port, child.pid ?? 0));
  child.kill();
  const inMemory = await ours('this server, in memory', false);
  const inFiles = await ours('this server, in files', true);
  say(
    `in memory ${(inMemory / theirs).toFixed(2)}, in files ${(inFiles / theirs).toFixed(2)} of gearmand's time`,
  );
}
process.exitCode = isGood ? 0 : 1;
