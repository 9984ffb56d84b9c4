/** One way to call a tool, and what must be there before. */
export interface Invocation {
  readonly name: string;
  readonly tool: 'gearman' | 'gearadmin';
  /** `{port}` is the port of the job server, `{closed}` one that nobody listens on, `{folder}` an empty folder. */
  readonly args: readonly string[];
  /** What standard input holds. Without it ours need not be a process of its own. */
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Jobs that wait when the tool starts, function and workload; what their clients get is recorded, too. */
  readonly jobs?: readonly (readonly [functionName: string, workload: string])[];
  /** True where no job server is asked. */
  readonly offline?: true;
  /** Why our tool says something else, on purpose. The page about commands lists these. */
  readonly differs?: string;
}

export type GroupName = 'client' | 'worker' | 'admin';

const WHERE = ['-h', '127.0.0.1', '-p', '{port}'];

const client = (name: string, args: readonly string[], more: Partial<Invocation> = {}): Invocation => ({
  name,
  tool: 'gearman',
  args: [...WHERE, ...args],
  ...more,
});

const admin = (name: string, args: readonly string[], more: Partial<Invocation> = {}): Invocation => ({
  name,
  tool: 'gearadmin',
  args: [...WHERE, ...args],
  ...more,
});

/** What is said then may change; that it begins so may not. */
export const DIAGNOSTICS =
  'Diagnostics on standard error begin with `gearman: ` as there, and then say in words what happened, not in which line of C.';
const REPEATS =
  'A worker with `-n` or `-N` sends each line once; the C tool sends all earlier lines again with every line.';
const CUTS = '`-N` takes away a newline; the C tool takes away the last byte of a last line that has none.';
const NO_ERROR = 'A worker says nothing when a command fails its job: that is no error of the worker.';

/** Every call that is recorded, in the order in which it is made. Each group has a job server of its own. */
export const INVOCATIONS: Readonly<Record<GroupName, readonly Invocation[]>> = {
  client: [
    client('runs a job', ['-f', 'reverse', 'hello']),
    client('runs a job for each argument', ['-f', 'reverse', 'hello', 'world']),
    client('runs several functions', ['-f', 'reverse', '-f', 'fail', 'hello']),
    client('prefixes results', ['-P', '-f', 'reverse', 'hello', 'world']),
    client('prefixes failures', ['-P', '-f', 'fail', 'hello']),
    client('ends with 1 when the job fails', ['-f', 'fail', 'hello']),
    client('tells handles behind results', ['-v', '-f', 'reverse', 'hello']),
    client('tells handles before prefixed results', ['-v', '-P', '-f', 'reverse', 'hello']),
    client('says nothing of a background job', ['-b', '-f', 'nobody', 'hello']),
    client('tells the handle of a background job', ['-v', '-b', '-f', 'nobody', 'hello']),
    client('reads standard input', ['-f', 'reverse'], { input: 'from standard input\n' }),
    client('reads all bytes', ['-f', 'echo'], {
      input: Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join(''),
    }),
    client('submits nothing as an empty job', ['-f', 'echo'], { input: '' }),
    client('reads no standard input', ['-s', '-f', 'echo'], { input: 'unread' }),
    client('submits each line', ['-n', '-f', 'echo'], { input: 'one\ntwo\nthree' }),
    client('submits each line without its newline', ['-N', '-f', 'echo'], { input: 'one\ntwo\n' }),
    client('strips a last line that has no newline', ['-N', '-f', 'echo'], {
      input: 'one\ntwo',
      differs: CUTS,
    }),
    client('submits no line of an empty input', ['-n', '-f', 'echo'], { input: '' }),
    client('submits with high priority', ['-I', '-f', 'reverse', 'x']),
    client('submits with low priority', ['-L', '-f', 'reverse', 'x']),
    client('submits with a unique id', ['-u', 'order-7', '-f', 'id', 'x']),
    client('shows parts, warnings and progress', ['-f', 'chatty', 'x']),
    client('prefixes parts, warnings and progress', ['-P', '-f', 'chatty', 'x']),
    client('takes options behind arguments', ['-f', 'reverse', 'hello', '-P']),
    client('takes bundled options', ['-Pfreverse', 'hello']),
    client('takes what follows -- as it is', ['-f', 'reverse', '--', '-P']),
    client('goes where GEARMAN_SERVER says', ['-p', '1', '-f', 'reverse', 'hello'], {
      environment: { GEARMAN_SERVER: '127.0.0.1:{port}' },
    }),
    client('writes a pid file', ['-i', '{folder}/pid', '-f', 'reverse', 'hello']),
    client('cannot write a pid file', ['-i', '{folder}/none/pid', '-f', 'reverse', 'x'], {
      differs: DIAGNOSTICS,
    }),
    client('cannot connect', ['-p', '{closed}', '-f', 'reverse', 'x'], { differs: DIAGNOSTICS }),
    client('waits no longer than it may', ['-t', '100', '-f', 'nobody', 'x'], { differs: DIAGNOSTICS }),
    client('needs a function', ['hello'], { offline: true }),
    client('needs the name of the function', ['-f'], { offline: true }),
    client('refuses an unknown option', ['-x', '-f', 'reverse', 'hello'], { offline: true }),
    client('refuses a long option', ['-f', 'reverse', '--verbose'], { offline: true }),
    client('shows its menu', ['-H', '-f', 'reverse'], { offline: true }),
    client('shows its menu with what is given', ['-H', '-b', '-N', '-v', '-w', '-f', 'reverse'], {
      offline: true,
    }),
    client('shows its menu without a function', ['-H'], { offline: true }),
  ],
  worker: [
    client('prints workloads', ['-w', '-c', '1', '-f', 'print'], { jobs: [['print', 'hello\n']] }),
    client('runs a command', ['-w', '-c', '1', '-f', 'upper', '--', 'tr', 'a-z', 'A-Z'], {
      jobs: [['upper', 'hello']],
    }),
    client('runs a command that prints nothing', ['-w', '-c', '1', '-f', 'quiet', 'true'], {
      jobs: [['quiet', 'hello']],
    }),
    client('fails a job with its command', ['-w', '-c', '1', '-f', 'bad', '--', 'sh', '-c', 'cat; exit 3'], {
      jobs: [['bad', 'hello']],
      differs: NO_ERROR,
    }),
    client('sends one line', ['-w', '-n', '-c', '1', '-f', 'line', 'cat'], { jobs: [['line', 'one\n']] }),
    client('sends lines', ['-w', '-n', '-c', '1', '-f', 'lines', 'cat'], {
      jobs: [['lines', 'one\ntwo\n']],
      differs: REPEATS,
    }),
    client('sends lines without their newlines', ['-w', '-N', '-c', '1', '-f', 'stripped', 'cat'], {
      jobs: [['stripped', 'one\ntwo\n']],
      differs: REPEATS,
    }),
    client('works on several functions', ['-w', '-c', '2', '-f', 'first', '-f', 'second', 'cat'], {
      jobs: [
        ['first', 'a'],
        ['second', 'b'],
      ],
    }),
    client(
      'lets standard error pass',
      ['-w', '-c', '1', '-f', 'loud', '--', 'sh', '-c', 'cat; echo loud >&2'],
      {
        jobs: [['loud', 'hello']],
      },
    ),
    client('waits no longer than it may', ['-w', '-t', '100', '-c', '1', '-f', 'never'], {
      differs: DIAGNOSTICS,
    }),
  ],
  admin: [
    admin('shows an empty queue', ['--show-jobs']),
    admin('creates a function', ['--create-function', 'created']),
    admin('creates no function of two words', ['--create-function', 'two words']),
    admin('shows functions', ['--status'], { input: '' }),
    admin('shows priorities', ['--priority-status']),
    admin('shows connections', ['--workers']),
    admin('shows jobs', ['--show-jobs'], { jobs: [['waiting', 'x']] }),
    admin('shows unique ids', ['--show-unique-jobs'], { jobs: [['waiting', 'x']] }),
    admin('shows the version', ['--server-version']),
    admin('shows the log level', ['--server-verbose']),
    admin('shows the process id', ['--getpid']),
    admin('has an order of its own', ['--server-verbose', '--getpid', '--create-function=created']),
    admin('drops a function', ['--drop-function', 'created']),
    admin('drops no function that is not there', ['--drop-function', 'created']),
    admin('cancels no job that is not there', ['--cancel-job', 'H:nowhere:1']),
    admin('takes abbreviations', ['--getp', '--server-verb']),
    admin('takes values in all ways', ['--drop=nothing']),
    admin('ignores words', ['--getpid', 'word', '--', '--status']),
    admin('refuses what is ambiguous', ['--show'], { offline: true }),
    admin('refuses what is very ambiguous', ['--s'], { offline: true }),
    admin('refuses what it does not know', ['--getpid', '--bogus'], { offline: true }),
    admin('refuses a letter it does not know', ['-Sx'], { offline: true }),
    admin('refuses a value that is not taken', ['--getpid=1'], { offline: true }),
    admin('refuses a missing value', ['--create-function'], { offline: true }),
    admin('refuses an empty value', ['--create-function='], { offline: true }),
    admin('refuses an option given twice', ['--getpid', '--getpid'], { offline: true }),
    admin('refuses to do nothing', [], { offline: true }),
    { name: 'cannot connect', tool: 'gearadmin', args: ['-h', '127.0.0.1', '-p', '{closed}', '--status'] },
    { name: 'cannot find the host', tool: 'gearadmin', args: ['-h', 'nowhere.invalid', '--status'] },
    {
      name: 'cannot find the port',
      tool: 'gearadmin',
      args: ['-h', '127.0.0.1', '-p', 'nothing', '--status'],
    },
  ],
};
