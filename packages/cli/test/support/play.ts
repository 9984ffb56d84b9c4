import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeText, type Packet, request } from '@gearman/protocol';
import { freePort, RawConnection, startRawWorker, type TestServer } from '@gearman/testing';
import { runGearadmin, runGearman } from '../../src/index.ts';
import { DIAGNOSTICS, type GroupName, INVOCATIONS, type Invocation } from './invocations.ts';
import { runHere } from './run-here.ts';

/** What a call did. Bytes are characters of one byte each; what differs at every run has a name instead. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What the clients of the waiting jobs got. */
  readonly answers?: readonly string[];
}

/** Which tools are called: ours, or those of gearmand on the PATH. */
export type Tools = 'ours' | 'theirs';

const BIN = fileURLToPath(new URL('../../bin', import.meta.url));

/** Makes the calls of a group that need a job server, one after the other, all against `server`. */
export async function playGroup(
  group: GroupName,
  tools: Tools,
  server: TestServer,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  await using _worker = group === 'client' ? await startScriptedWorker(server.port) : undefined;
  for (const invocation of INVOCATIONS[group]) {
    if (invocation.offline !== true) outcomes.set(invocation.name, await play(invocation, tools, server));
  }
  return outcomes;
}

/** What the jobs of the group `client` are done by. */
function startScriptedWorker(port: number) {
  return startRawWorker(port, {
    reverse: (job) => job.complete([...job.text].reverse().join('')),
    echo: (job) => job.complete(job.workload),
    id: (job) => job.complete(job.uniqueId),
    fail: (job) => job.fail(),
    chatty: (job) => {
      job.warning('careful\n');
      job.status(1, 3);
      job.data('part\n');
      job.status(3, 3);
      job.complete('end\n');
    },
  });
}

async function play(invocation: Invocation, tools: Tools, server: TestServer): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'gearman-call-'));
  const clients = await Promise.all((invocation.jobs ?? []).map((job) => submit(server.port, ...job)));
  try {
    const known = { port: String(server.port), closed: String(await freePort()), folder };
    const fill = (text: string): string =>
      text.replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
        name in known ? known[name as keyof typeof known] : whole,
      );
    const environment = Object.entries(invocation.environment ?? {}).map(([name, value]) => [
      name,
      fill(value),
    ]);
    const args = invocation.args.map(fill);
    const isWorker = args.includes('-w');
    const ended = needsProcess(invocation, tools)
      ? await run(invocation, args, tools, Object.fromEntries(environment))
      : await runHere(invocation.tool === 'gearman' ? runGearman : runGearadmin, args);
    const answers = isWorker ? await Promise.all(clients.map(({ answer }) => answer)) : undefined;
    const clean = cleaner(known);
    const stderr = clean(ended.stderr);
    return {
      code: ended.code,
      stdout: clean(ended.stdout),
      stderr: saysItsOwn(invocation, tools) ? stderr.replaceAll(/^gearman: .+$/gm, 'gearman: {why}') : stderr,
      ...(answers !== undefined && { answers }),
    };
  } finally {
    await Promise.all(clients.map(({ connection }) => connection.close()));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A worker, a pid file, standard input and the environment belong to a process. */
function needsProcess({ args, input, environment }: Invocation, tools: Tools): boolean {
  if (tools === 'theirs' || input !== undefined || environment !== undefined) return true;
  return args.includes('-w') || args.includes('-i');
}

const saysItsOwn = ({ differs }: Invocation, tools: Tools): boolean =>
  tools === 'ours' && differs === DIAGNOSTICS;

/** The calls of a group that need no job server, of the C tools. */
export async function playOffline(group: GroupName): Promise<Map<string, Outcome>> {
  const offline = INVOCATIONS[group].filter((invocation) => invocation.offline === true);
  const outcomes = offline.map(async (invocation) => {
    const outcome = await run(invocation, invocation.args, 'theirs', {});
    return [invocation.name, outcome] as const;
  });
  return new Map(await Promise.all(outcomes));
}

/** Names for what is another at every run. */
function cleaner(known: { readonly port: string; readonly closed: string; readonly folder: string }) {
  return (text: string): string =>
    text
      .replaceAll(known.folder, '{folder}')
      .replaceAll(`:${known.port}`, ':{port}')
      .replaceAll(`:${known.closed}`, ':{closed}')
      .replaceAll(/^H:[^\s/]+(?=\t)|(?<=created: )H:\S+/gm, '{handle}')
      .replaceAll(/pid\(\d+\)/g, 'pid({pid})')
      .replaceAll(/^\d+$/gm, '{number}')
      .replaceAll(/^\d+ (?=127\.0\.0\.1 )/gm, '{id} ')
      .replaceAll(/^\d+\.\d+\.\S+$/gm, '{version}')
      .replaceAll(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '{uuid}');
}

async function run(
  { tool, input = '' }: Invocation,
  args: readonly string[],
  tools: Tools,
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const [file, first] = tools === 'ours' ? [process.execPath, [join(BIN, `${tool}.js`)]] : [tool, []];
  const child = spawn(file, [...first, ...args], {
    env: { PATH: process.env['PATH'], LC_ALL: 'C', ...environment },
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('latin1').on('data', (text: string) => {
      output[name] += text;
    });
  }
  // A tool that does not read its input closes it.
  child.stdin.on('error', () => {});
  child.stdin.end(Buffer.from(input, 'latin1'));
  const [code]: (number | null)[] = await once(child, 'close');
  return { code: code ?? null, ...output };
}

/** Submits a job; `answer` is what came of it, in order. */
async function submit(port: number, functionName: string, workload: string) {
  const connection = await RawConnection.open(port);
  connection.send(
    request('SUBMIT_JOB', {
      functionName: encodeText(functionName),
      uniqueId: '',
      workload: Buffer.from(workload),
    }),
  );
  await connection.expect('JOB_CREATED');
  const said: string[] = [];
  const answer = new Promise<string>((resolve) =>
    connection.listen((packet) => {
      said.push(show(packet));
      if (packet.type === 'WORK_COMPLETE' || packet.type === 'WORK_FAIL') resolve(said.join(', '));
    }),
  );
  return { connection, answer };
}

function show(packet: Packet): string {
  return 'data' in packet
    ? `${packet.type} ${JSON.stringify(Buffer.from(packet.data).toString('latin1'))}`
    : packet.type;
}
