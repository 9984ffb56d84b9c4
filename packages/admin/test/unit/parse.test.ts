import { ServerError } from '@gearman/pool';
import { encodeText } from '@gearman/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AdminParseError, UnsupportedError } from '../../src/errors.ts';
import {
  parseJobs,
  parsePaused,
  parsePid,
  parsePriorityStatus,
  parseSchedules,
  parseStatus,
  parseUniqueJobs,
  parseVerbosity,
  parseVersion,
  parseWorkers,
} from '../../src/index.ts';
import { parseDone } from '../../src/parse.ts';
import { ANSWERS, linesOf } from '../vectors/gearmand-1.1.20.ts';

const server = 'a:1';
const origin = { server, command: 'test' };
const read = <T>(parse: (lines: string[], from: typeof origin) => T, answer: string): T =>
  parse(linesOf(answer), origin);

describe('Recorded answers', () => {
  test('status', () => {
    expect(read(parseStatus, ANSWERS['status, nothing known'])).toEqual([]);
    expect(read(parseStatus, ANSWERS.status)).toEqual([
      { functionName: 'idle', total: 1, queued: 1, running: 0, workers: 0 },
      { functionName: 'f', total: 3, queued: 2, running: 1, workers: 1 },
    ]);
    expect(read(parseStatus, ANSWERS['status, a cancelled job'])).toMatchObject([{ total: 1, queued: 1 }]);
  });

  test('prioritystatus', () => {
    expect(read(parsePriorityStatus, ANSWERS.prioritystatus)).toEqual([
      { functionName: 'f', high: 1, normal: 2, low: 1, workers: 0 },
    ]);
    expect(read(parsePriorityStatus, ANSWERS['prioritystatus, one job runs'])).toMatchObject([
      { high: 0, workers: 1 },
    ]);
  });

  test('workers', () => {
    const own = { server, connectionId: 36, address: '127.0.0.1', clientId: null, functionNames: [] };
    expect(read(parseWorkers, ANSWERS['workers, nobody else'])).toEqual([own]);
    expect(read(parseWorkers, ANSWERS.workers)).toEqual([
      own,
      {
        server,
        connectionId: 37,
        address: '127.0.0.1',
        clientId: 'w1',
        functionNames: ['third', 'second', 'first'],
      },
      { ...own, connectionId: 38 },
    ]);
  });

  test('show jobs', () => {
    const job = { server, retries: 0, abandoned: false, stored: true };
    expect(read(parseJobs, ANSWERS['show jobs'])).toEqual([
      { ...job, handle: 'H:jobhost:1', stored: false },
      { ...job, handle: 'H:jobhost:3' },
      { ...job, handle: 'H:jobhost:2' },
    ]);
    expect(read(parseJobs, ANSWERS['show jobs, one abandoned'])).toMatchObject([{ abandoned: true }]);
  });

  test('show unique jobs', () => {
    expect(read(parseUniqueJobs, ANSWERS['show unique jobs'])).toEqual([
      { server, uniqueId: '' },
      { server, uniqueId: 'bg-key' },
      { server, uniqueId: 'fg-key' },
    ]);
  });

  test('version, verbose, getpid, and OK', () => {
    expect(read(parseVersion, ANSWERS.version)).toBe('1.1.20+ds');
    expect(read(parseVerbosity, ANSWERS.verbose)).toBe('ERROR');
    expect(read(parsePid, ANSWERS.getpid)).toBe(32159);
    expect(read(parseDone, ANSWERS['create function'])).toBeUndefined();
  });

  test.each([
    [
      'create function, incomplete',
      'INVALID_ARGUMENTS',
      'An incomplete set of arguments was sent to this command create',
    ],
    ['drop function, unknown', 'ERR', 'function not found'],
    ['drop function, in use', 'ERR', 'there are still connected workers or executing clients'],
    ['cancel job, unknown', 'UNKNOWN_JOB', ''],
    ['cancel job, other words', 'UNKNOWN_ERROR', ''],
  ] as const)('refusals: %s', (name, code, text) => {
    const refusal = new ServerError(server, code, text);
    for (const parse of [parseStatus, parseUniqueJobs, parseVersion, parsePid, parseDone]) {
      expect(() => parse(linesOf(ANSWERS[name]), origin)).toThrow(refusal);
    }
  });

  test('an unknown command', () => {
    for (const parse of [parseStatus, parseVersion, parseDone]) {
      for (const name of ['shutdown', 'show other'] as const)
        expect(() => parse(linesOf(ANSWERS[name]), origin)).toThrow(new UnsupportedError(server, 'test'));
    }
    const perl = ['ERR unknown_command Unknown+server+command'];
    expect(() => parseStatus(perl, origin)).toThrow(UnsupportedError);
  });
});

describe('Names that nobody would choose', () => {
  test.each([
    ['two words'],
    ['a\ttab'],
    ['numbers\t1\t2\t3'],
    ['.'],
    ['OK'],
    ['ERR UNKNOWN_COMMAND'],
    [''],
    ['line\nfeed'],
    ['.\n.'],
    ['ümläut 工'],
    ['App\\Jobs\\Run'],
  ])('status and prioritystatus read the function %j back', (name) => {
    const bytes = encodeText(name);
    const status = linesOf(`before\t0\t0\t0\n${bytes}\t9\t4\t2\nafter\t0\t0\t0\n.\n`);
    expect(parseStatus(status, origin)[1]).toEqual({
      functionName: name,
      total: 9,
      queued: 5,
      running: 4,
      workers: 2,
    });
    const priorities = linesOf(`${bytes}\t1\t2\t3\t4\n.\n`);
    expect(parsePriorityStatus(priorities, origin)).toEqual([
      { functionName: name, high: 1, normal: 2, low: 3, workers: 4 },
    ]);
  });

  test('status reads back any name without CR before LF, unless what follows a line feed looks like a line', () => {
    const name = fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\\]|\n/.test(text));
    const number = fc.nat();
    fc.assert(
      fc.property(fc.array(fc.tuple(name, number, number, number)), (rows) => {
        const lines = rows.map(([text, ...counts]) => [encodeText(text), ...counts].join('\t'));
        const read = parseStatus([...lines, '.'], origin);
        expect(
          read.map(({ functionName, total, running, workers }) => [functionName, total, running, workers]),
        ).toEqual(rows);
      }),
    );
  });

  test.each([
    ['7 ::1 - :', { address: '::1', clientId: null, functionNames: [] }],
    ['7 fe80::1%eth0 w : f', { address: 'fe80::1%eth0', clientId: 'w', functionNames: ['f'] }],
    ['7 10.0.0.1  : f', { clientId: '', functionNames: ['f'] }],
    ['7 10.0.0.1  :', { clientId: '', functionNames: [] }],
    ['7 10.0.0.1 my client id : f g', { clientId: 'my client id', functionNames: ['f', 'g'] }],
    ['7 10.0.0.1 host:7 : ns::f', { clientId: 'host:7', functionNames: ['ns::f'] }],
    ['7 10.0.0.1 w : f : g', { clientId: 'w', functionNames: ['f', ':', 'g'] }],
    ['7 10.0.0.1 w : f f', { functionNames: ['f', 'f'] }],
    ['7 local \\x20a\\x20b : two\\x20words', { clientId: ' a b', functionNames: ['two words'] }],
    ['7 local w : tab\\x09 App\\Jobs', { functionNames: ['tab\t', 'App\\Jobs'] }],
    [`7 local ${encodeText('工')} : ${encodeText('ü')}`, { clientId: '工', functionNames: ['ü'] }],
    ['7 local line\nfeed : f', { clientId: 'line\nfeed', functionNames: ['f'] }],
  ])('workers reads %j', (line, expected) => {
    expect(parseWorkers([...line.split('\n'), '.'], origin)).toMatchObject([
      { server, connectionId: 7, ...expected },
    ]);
  });

  test('show unique jobs reads full stops, errors and empty ids back', () => {
    const ids = ['.', '', 'ERR x', '.', 'OK'];
    expect(parseUniqueJobs([...ids, '.'], origin).map(({ uniqueId }) => uniqueId)).toEqual(ids);
  });
});

describe('Answers that are none', () => {
  test.each([
    [parseStatus, [], ''],
    [parseStatus, ['f\t1\t2\t3'], 'f\t1\t2\t3'],
    [parseStatus, ['f\t1\t2', '.'], 'f\t1\t2'],
    [parseStatus, ['f\t1\t2\t3', 'x', '.'], 'x'],
    [parseStatus, ['f\t-1\t2\t3', '.'], 'f\t-1\t2\t3'],
    [parseStatus, ['f\t99999999999999999999\t2\t3', '.'], 'f\t99999999999999999999\t2\t3'],
    [parsePriorityStatus, ['1\t2\t3\t4', '.'], '1\t2\t3\t4'],
    [parseWorkers, ['x 127.0.0.1 - :', '.'], 'x 127.0.0.1 - :'],
    [parseWorkers, ['7 127.0.0.1 -', '.'], '7 127.0.0.1 -'],
    [parseJobs, ['H:1\t0\t2\t0', '.'], 'H:1\t0\t2\t0'],
    [parseJobs, ['', '.'], ''],
    [parseVersion, [], ''],
    [parseVersion, ['OK '], 'OK '],
    [parseVersion, ['OK 1', 'OK 2'], 'OK 1'],
    [parsePid, ['OK x'], 'OK x'],
    [parsePid, ['OK'], 'OK'],
    [parsePid, ['OK 1.5'], 'OK 1.5'],
    [parseVerbosity, ['OK LOUD'], 'OK LOUD'],
    [parseDone, [], ''],
    [parseDone, ['FINE'], 'FINE'],
  ])(
    '%o refuses %j and shows the line',
    (parse: (lines: string[], from: typeof origin) => unknown, lines, line) => {
      const attempt = (): unknown => parse(lines, origin);
      expect(attempt).toThrow(AdminParseError);
      expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_GEARMAN_ADMIN_PARSE', server, line }));
    },
  );

  test('a command that is answered twice is refused when one of the answers is an error', () => {
    expect(() => parseDone(['OK', 'ERR function not found'], origin)).toThrow(/function not found/);
    expect(parseDone(['OK', 'OK'], origin)).toBeUndefined();
  });

  test('never throws anything else, whatever a server sends', () => {
    const lines = fc.array(
      fc.oneof(fc.string(), fc.constantFrom('.', 'OK', 'ERR', 'a\t1\t1\t1', '1 b - : c', '\t')),
    );
    const parsers = [
      parseStatus,
      parsePriorityStatus,
      parseWorkers,
      parseJobs,
      parseUniqueJobs,
      parseVersion,
      parsePid,
      parseVerbosity,
      parseDone,
    ];
    fc.assert(
      fc.property(lines, fc.constantFrom(...parsers), (answer, parse) => {
        try {
          parse(answer, origin);
        } catch (error) {
          expect([AdminParseError, ServerError, UnsupportedError]).toContain((error as object).constructor);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('show schedules', () => {
  const row = 'S:a:1\tf\\x09\t0 3 * * *\tUTC\t2030-01-01T03:00:00.000Z\t-\tactive\t0\tu\n';

  test('is read', () => {
    expect(read(parseSchedules, `${row}.\n`)).toEqual([
      {
        ...{
          server,
          handle: 'S:a:1',
          functionName: 'f\t',
          cron: '0 3 * * *',
          timeZone: 'UTC',
          uniqueId: 'u',
        },
        ...{ nextRun: new Date('2030-01-01T03:00Z'), lastRun: null, state: 'active', runs: 0 },
      },
    ]);
    expect(read(parsePaused, 'f\n\\x2e\n.\n')).toEqual(['f', '.']);
  });

  test.each([
    row.replace('active', 'idle'),
    row.replace('2030-01-01T03:00:00.000Z', 'soon'),
    row.replace('\t0\t', '\t-1\t'),
    'S:a:1\n',
  ])('%j is refused', (line) => {
    expect(() => read(parseSchedules, `${line}.\n`)).toThrow(AdminParseError);
  });
});
