import { describe, expect, test, vi } from 'vitest';
import { parseGearmandArguments } from '../../src/gearmand-arguments.ts';

describe('the arguments of gearmand', () => {
  test('have the defaults of gearmand 2.0, but wake only as many workers as needed', () => {
    expect(parseGearmandArguments([])).toEqual({
      port: 4730,
      listen: '0.0.0.0',
      verbose: 'ERROR',
      jobRetries: -1,
      workerWakeup: 'auto',
      exceptions: false,
    });
  });

  test('are read in long and short form', () => {
    expect(
      parseGearmandArguments([
        '-p',
        '14730',
        '--listen=127.0.0.1',
        '--verbose=info',
        '-j',
        '3',
        '--worker-wakeup=0',
        '--job-handle-prefix',
        'H:mine',
        '--exceptions',
      ]),
    ).toEqual({
      port: 14730,
      listen: '127.0.0.1',
      verbose: 'INFO',
      jobRetries: 3,
      workerWakeup: 0,
      jobHandlePrefix: 'H:mine',
      exceptions: true,
    });
  });

  test.each([
    [['--port', 'x'], 'whole number from 0 to 65535'],
    [['--port', ''], 'whole number'],
    [['-j', '256'], 'from -1 to 255'],
    [['--verbose', 'LOUD'], 'FATAL, ALERT'],
    [['--unknown'], "unknown option '--unknown'"],
    [['extra'], 'too many arguments'],
  ])('%j is refused', (args, complaint) => {
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(() => parseGearmandArguments(args)).toThrow(complaint);
    expect(written.mock.calls.join('')).toContain(complaint);
    written.mockRestore();
  });
});
