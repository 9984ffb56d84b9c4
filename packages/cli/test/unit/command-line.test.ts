import { CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseArguments } from '../../src/gearmand/command-line.ts';
import { EXIT, FatalError } from '../../src/gearmand/exit-code.ts';
import { flagsOf, OPTION_TABLE } from '../../src/gearmand/option-table.ts';

/** Values that each working option with a value takes, and what becomes of them. */
const GOOD: Readonly<Record<string, readonly [text: string, value: unknown][]>> = {
  port: [
    ['0', 0],
    ['65535', 65_535],
    ['gearman', 4730],
  ],
  listen: [['::1', ['::1']]],
  backlog: [['1', 1]],
  'job-retries': [
    ['-1', -1],
    ['255', 255],
  ],
  'job-handle-prefix': [['H:mine', 'H:mine']],
  'worker-wakeup': [
    ['0', 0],
    ['auto', 'auto'],
  ],
  'keepalive-idle': [
    ['7', 7],
    ['-1', -1],
  ],
  protocol: [
    ['http', 'http'],
    ['HTTP', 'http'],
  ],
  'http-port': [['8080', 8080]],
  'max-packet-bytes': [['1', 1]],
  'max-line-bytes': [['1', 1]],
  'max-connections': [['1', 1]],
  'max-connections-per-address': [['1', 1]],
  'max-functions': [['1', 1]],
  'max-functions-per-connection': [['1', 1]],
  'max-jobs': [['1', 1]],
  'max-queue-bytes': [['4294967296', 4_294_967_296]],
  'max-schedule-bytes': [['1', 1]],
  'max-schedules': [['1', 1]],
  'max-memory-bytes': [['536870912', 536_870_912]],
  'max-input-bytes': [['1', 1]],
  'max-spool-bytes': [['1', 1]],
  'max-spooling-files': [['1', 1]],
  'max-output-bytes': [['1', 1]],
  'max-result-bytes': [['1', 1]],
  'max-dedup-ids': [['1', 1]],
  'outbox-soft-bytes': [['1', 1]],
  'outbox-hard-bytes': [['1', 1]],
  'message-timeout-ms': [['0', 0]],
  'idle-timeout-ms': [['0', 0]],
  'handshake-timeout-ms': [['0', 0]],
  'stall-timeout-ms': [['0', 0]],
  'store-timeout-ms': [['0', 0]],
  'pid-file': [['/run/g.pid', '/run/g.pid']],
  user: [['nobody', 'nobody']],
  'ssl-certificate': [['/etc/g.pem', '/etc/g.pem']],
  'ssl-key': [['/etc/g.key', '/etc/g.key']],
  'ssl-ca-file': [['/etc/ca.pem', '/etc/ca.pem']],
  'ssl-client-certificates': [['require', 'require']],
  'data-dir': [['/var/lib/g', '/var/lib/g']],
  store: [['postgres://db/jobs', 'postgres://db/jobs']],
  functions: [['/etc/f.json', '/etc/f.json']],
  'dead-max': [['5', 5]],
  'dead-max-age': [['30', 30]],
  'spool-dir': [['/var/spool/g', '/var/spool/g']],
  'spool-threshold-bytes': [['65536', 65_536]],
  'config-file': [['/etc/g.conf', '/etc/g.conf']],
  'log-file': [['none', 'none']],
  'log-format': [['json', 'json']],
  verbose: [
    ['info', 'INFO'],
    ['FATAL', 'FATAL'],
  ],
};

/** Values that options refuse, and what they say. */
const BAD: Readonly<Record<string, readonly [text: string, complaint: string][]>> = {
  port: [
    ['x', 'whole number from 0 to 65535'],
    ['', 'whole number'],
    ['1e3', 'whole number'],
    ['65536', 'whole number'],
  ],
  backlog: [['0', 'not below 1']],
  'job-retries': [
    ['256', 'from -1 to 255'],
    ['-2', 'from -1 to 255'],
  ],
  'job-handle-prefix': [['', 'not be empty']],
  'worker-wakeup': [['-1', 'not below 0']],
  'keepalive-idle': [['0', 'not below 1']],
  protocol: [['gear', 'It must be http']],
  'http-port': [['x', 'whole number']],
  'max-jobs': [['0', 'not below 1']],
  'idle-timeout-ms': [['-1', 'not below 0']],
  'log-format': [['xml', 'text or json']],
  'ssl-client-certificates': [['maybe', 'require or none']],
  verbose: [['LOUD', 'FATAL, ALERT']],
};

const rows = [...OPTION_TABLE].map(([name, row]) => ({ name, ...row, flags: flagsOf(name, row) }));
const listed = rows.filter(({ name }) => name !== 'version' && name !== 'help');
const isOfKind = (kind: string) => (row: (typeof rows)[number]) => row.outcome.is === kind;
const withValue = ({ name, value }: (typeof rows)[number]): string[] => [
  name.length === 1 ? `-${name}` : `--${name}`,
  ...(value === undefined ? [] : ['1']),
];

let written = '';
beforeEach(() => {
  written = '';
  const write = (text: string | Uint8Array): boolean => {
    written += String(text);
    return true;
  };
  vi.spyOn(process.stderr, 'write').mockImplementation(write);
  vi.spyOn(process.stdout, 'write').mockImplementation(write);
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe('a working option', () => {
  test('with a value stands in the table of this test', () => {
    const wanted = listed.filter(isOfKind('works')).filter(({ value }) => value !== undefined);
    expect(Object.keys(GOOD).sort()).toEqual(wanted.map(({ name }) => name).sort());
  });

  const good = Object.entries(GOOD).flatMap(([name, cases]) =>
    cases.map(([text, value]) => ({ name, text, value })),
  );
  test.each(good)('--$name $text is read', ({ name, text, value }) => {
    const short = OPTION_TABLE.get(name)?.short;
    const spellings = [[`--${name}`, text], [`--${name}=${text}`]];
    if (short !== undefined) spellings.push([`-${short}`, text], [`-${short}${text}`]);
    for (const args of spellings)
      expect(parseArguments(args), args.join(' ')).toEqual({ values: { [name]: value }, warnings: [] });
  });

  const flags = listed.filter(isOfKind('works')).filter(({ value }) => value === undefined);
  test.each(flags)('--$name is read', ({ name, short }) => {
    expect(parseArguments([`--${name}`]).values).toEqual({ [name]: true });
    if (short !== undefined) expect(parseArguments([`-${short}`]).values).toEqual({ [name]: true });
  });

  const bad = Object.entries(BAD).flatMap(([name, cases]) =>
    cases.map(([text, says]) => ({ name, text, says })),
  );
  test.each(bad)('--$name "$text" is refused', ({ name, text, says }) => {
    expect(() => parseArguments([`--${name}=${text}`])).toThrow(CommanderError);
    expect(written).toMatch(/^gearmand: option '/);
    expect(written).toContain(says);
  });
});

describe('an option without effect', () => {
  test.each(listed.filter(isOfKind('ignored')))('$flags is accepted, and says why', (row) => {
    const { values, warnings } = parseArguments(withValue(row));
    expect(values).toEqual({});
    expect(warnings).toEqual([`--${row.name} has no effect: ${row.help}`]);
  });
});

describe('an option that is refused', () => {
  test.each(listed.filter(isOfKind('refused')))('$flags ends the command, and says why', (row) => {
    const [flag] = withValue(row);
    expect(() => parseArguments(withValue(row))).toThrow(`${flag}: ${row.help}`);
    const isStore = /^(queue-type|store-|lib|redis-|mysql-)/.test(row.name);
    expect(exitCodeOf(() => parseArguments(withValue(row)))).toBe(isStore ? EXIT.store : EXIT.usage);
  });

  test('but the queue in memory may be asked for', () => {
    expect(parseArguments(['--queue-type=Builtin'])).toEqual({ values: {}, warnings: [] });
  });

  test('-vvv is refused in favour of --verbose', () => {
    expect(() => parseArguments(['-vvv'])).toThrow('-v: it was removed, as in gearmand; say --verbose');
  });
});

describe('the command line', () => {
  test('may name several addresses', () => {
    expect(parseArguments(['-L', '127.0.0.1', '--listen=::1', '-L/run/g.sock']).values.listen).toEqual([
      '127.0.0.1',
      '::1',
      '/run/g.sock',
    ]);
  });

  test('may name the configuration file as @file', () => {
    expect(parseArguments(['@/etc/g.conf']).values).toEqual({ 'config-file': '/etc/g.conf' });
  });

  test.each([
    [['--unknown'], "unknown option '--unknown'"],
    [['--verb', 'INFO'], "unknown option '--verb'"],
    [['extra'], 'too many arguments'],
    [['--port'], 'argument missing'],
  ])('%j is refused', (args, complaint) => {
    expect(() => parseArguments(args)).toThrow(CommanderError);
    expect(written).toContain(complaint);
  });

  test('--help shows every option that may be used', () => {
    expect(() => parseArguments(['--help'])).toThrow(CommanderError);
    const hidden = (name: string): boolean => name === 'check-args';
    for (const row of rows) {
      const shown = row.outcome.is !== 'refused' && !hidden(row.name);
      expect(written.includes(`${row.flags} `), row.flags).toBe(shown);
    }
  });
});

function exitCodeOf(run: () => unknown): number | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof FatalError) return error.exitCode;
    throw error;
  }
  return undefined;
}
