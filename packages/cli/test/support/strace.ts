import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What a server does to files and sockets. */
const CALLS = [
  ...['openat', 'open', 'creat', 'close', 'dup', 'dup2', 'accept', 'accept4'],
  ...['read', 'readv', 'recvfrom', 'recvmsg', 'write', 'writev', 'sendto', 'sendmsg', 'sendfile'],
  ...['pwrite64', 'pwritev', 'pwritev2', 'copy_file_range', 'fallocate', 'ftruncate', 'truncate'],
  ...['fsync', 'fdatasync', 'sync_file_range', 'syncfs'],
  ...['rename', 'renameat', 'renameat2', 'link', 'linkat', 'unlink', 'unlinkat', 'mkdir', 'mkdirat', 'rmdir'],
];
const LONGEST_STRING = 0x800_0000;
const UNFINISHED = Buffer.from(' <unfinished ...>');
const RESUMED = Buffer.from('<... ');
const [NEWLINE, SPACE, QUOTE, PLUS, MINUS] = [0x0a, 0x20, 0x22, 0x2b, 0x2d];
/** What each character is worth as a hexadecimal digit. */
const HEX = Uint8Array.from(
  { length: 256 },
  (_, code) => Number.parseInt(String.fromCharCode(code), 16) || 0,
);

/** One call of the system, as strace saw it. Times are numbers of lines. */
export interface Syscall {
  readonly name: string;
  /** The first argument where that is a number: mostly a file descriptor. */
  readonly fd: number;
  /** All bytes among its arguments, in order. */
  readonly strings: readonly Buffer[];
  /** What stands behind the last string, or everything when there is none. */
  readonly rest: string;
  /** Undefined when the process died before it returned. */
  readonly result: number | undefined;
  readonly startedAt: number;
  /** Infinity when it never returned. */
  readonly endedAt: number;
}

/** True where strace is installed and may watch processes. */
export function canTrace(): boolean {
  return spawnSync('strace', ['-D', '-f', '-o', '/dev/null', 'true']).status === 0;
}

/** What to put before a command, so that `file` gets its calls. The command stays a child of who starts it. */
export function underStrace(file: string): string[] {
  const how = ['-D', '-f', '-xx', '-s', String(LONGEST_STRING), '--seccomp-bpf', '-e', 'signal=none'];
  // `?`: not every machine has every call.
  return ['strace', ...how, '-e', `trace=${CALLS.map((name) => `?${name}`).join(',')}`, '-o', file];
}

/** All calls in a file of strace, in the order in which they began. */
export function readTrace(file: string): Syscall[] {
  const calls: Syscall[] = [];
  const unfinished = new Map<string, { readonly text: Buffer; readonly startedAt: number }>();
  const trace = readFileSync(file);
  let now = 0;
  for (let from = 0; from < trace.length; ) {
    const newline = trace.indexOf(NEWLINE, from);
    const end = newline === -1 ? trace.length : newline;
    const line = trace.subarray(from, end);
    from = end + 1;
    now++;
    const space = line.indexOf(SPACE);
    const thread = line.toString('latin1', 0, space);
    let start = space;
    while (line[start] === SPACE) start++;
    const text = line.subarray(start);
    if (text.subarray(-UNFINISHED.length).equals(UNFINISHED)) {
      unfinished.set(thread, { text: text.subarray(0, -UNFINISHED.length), startedAt: now });
    } else if (text.subarray(0, RESUMED.length).equals(RESUMED)) {
      const begun = unfinished.get(thread);
      unfinished.delete(thread);
      if (begun === undefined)
        throw new Error(`a call ends that never began: ${text.toString('latin1', 0, 100)}`);
      const resumed = text.subarray(text.indexOf('resumed>') + 'resumed>'.length);
      calls.push(parseCall(Buffer.concat([begun.text, resumed]), begun.startedAt, now));
    } else if (text[0] !== PLUS && text[0] !== MINUS) {
      calls.push(parseCall(text, now, now));
    }
  }
  for (const { text, startedAt } of unfinished.values())
    calls.push(parseCall(text, startedAt, Number.POSITIVE_INFINITY));
  return calls.sort((a, b) => a.startedAt - b.startedAt);
}

function parseCall(text: Buffer, startedAt: number, endedAt: number): Syscall {
  const open = text.indexOf('(');
  const strings: Buffer[] = [];
  let restFrom = open + 1;
  for (let quote = text.indexOf(QUOTE, open); quote !== -1; quote = text.indexOf(QUOTE, restFrom)) {
    const close = text.indexOf(QUOTE, quote + 1);
    strings.push(unescaped(text.subarray(quote + 1, close)));
    restFrom = close + 1;
    if (text.toString('latin1', restFrom, restFrom + 3) === '...')
      throw new Error(`strace cut a string off: ${text.toString('latin1', 0, 100)}`);
  }
  const rest = text.toString('latin1', restFrom);
  const [, result] = /\)\s+= (-?\d+)/.exec(rest) ?? [];
  return {
    name: text.toString('latin1', 0, open),
    fd: Number.parseInt(text.toString('latin1', open + 1, open + 12), 10),
    strings,
    rest,
    result: result === undefined ? undefined : Number(result),
    startedAt,
    endedAt,
  };
}

/** Of `\x2f\x74` the two bytes. */
function unescaped(text: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(text.length / 4);
  for (let i = 0; i < bytes.length; i++) {
    const high = HEX[text[4 * i + 2] ?? 0] ?? 0;
    bytes[i] = (high << 4) | (HEX[text[4 * i + 3] ?? 0] ?? 0);
  }
  return bytes;
}
