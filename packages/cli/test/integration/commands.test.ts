import { freePort, startOurServer } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { runGearadmin, runGearman } from '../../src/index.ts';
import { describeCommands } from '../behaviour/describe-commands.ts';
import { startCommand } from '../support/command.ts';
import { runHere } from '../support/run-here.ts';

describeCommands('our server', () => startOurServer());

describe('gearman, with several servers', () => {
  test('shows what those say that answer, names the others, and ends with 1', async () => {
    await using server = await startOurServer();
    const down = `127.0.0.1:${await freePort()}`;
    const args = ['version', '--json', '--servers', `${server.server},${down}`];
    const { code, stdout, stderr } = await runHere(runGearman, args);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      servers: [{ server: server.server }],
      failures: [{ server: down, code: 'ERR_GEARMAN_CONNECT' }],
    });
    expect(stderr).toMatch(new RegExp(`^gearman: ${down}: `));
  });

  test('ends with 3 when none answers', async () => {
    const { code, stderr } = await runHere(runGearman, [
      'status',
      '-h',
      '127.0.0.1',
      '-p',
      String(await freePort()),
    ]);
    expect([code, stderr]).toEqual([3, expect.stringMatching(/^gearman: 127\.0\.0\.1:\d+: /)]);
  });

  test('check is critical when one does not answer', async () => {
    const { code, stdout } = await runHere(runGearman, [
      'check',
      '--servers',
      `127.0.0.1:${await freePort()}`,
    ]);
    expect([code, stdout]).toEqual([2, expect.stringMatching(/^GEARMAN CRITICAL: 127\.0\.0\.1/)]);
  });

  test('gearadmin names each', async () => {
    await using one = await startOurServer();
    await using two = await startOurServer();
    const args = ['--servers', `${one.server},${two.server}`, '--server-version'];
    const { code, stdout } = await runHere(runGearadmin, args);
    const version = /(?<=\n)\d\S*/.exec(stdout)?.[0];
    expect([code, stdout]).toEqual([0, `${one.server}\n${version}\n${two.server}\n${version}\n`]);
  });
});

describe('gearman, watching', () => {
  test('looks again, also at a server that is gone, until it is told to end', async () => {
    const server = await startOurServer();
    const watcher = startCommand('gearman', ['ping', '--watch', '1ms', '--json', '--servers', server.server]);
    await watcher.says('}\n{');
    await server.stop();
    await watcher.says('"error":');
    watcher.signal('SIGTERM');
    await watcher.ended;
  });
});

describe('a wrong command line', () => {
  test.each<[readonly string[], number, RegExp]>([
    [[], 2, /^Usage: gearman <command>/],
    [['nonsense'], 2, /^gearman: unknown command 'nonsense'/],
    [['status', '--nonsense'], 2, /^gearman: unknown option '--nonsense'/],
    [['status', '--watch', '5'], 2, /500ms, 10s, 5m/],
    [['status', '--servers', 'a', '--host', 'b'], 2, /not both/],
    [['submit'], 2, /missing required argument 'function'/],
    [['submit', 'f', 'x', '--lines'], 2, /standard input/],
    [['submit', 'f', 'x', '--high', '--low'], 2, /cannot be used with/],
    [['submit', 'f', 'x', '--delay', '1h', '--high'], 2, /cannot be used with/],
    [['submit', 'f', 'x', '--at', 'tomorrow'], 2, /2030-01-31T08:00Z/],
    [['status', '--port', '0'], 2, /from 1 to 65535/],
    [['top', '--filter', '('], 2, /regular expression/],
    [['bench', '--size', 'much'], 2, /64k/],
    [['exporter', '--listen', '9418'], 2, /host:port/],
    [['check', '-w', 'many'], 3, /whole number/],
    [['cancel', 'H:1', '--servers', 'a,b'], 2, /several servers/],
  ])('%j ends with %d', async (args, code, stderr) => {
    const ended = await runHere(runGearman, args);
    expect([ended.code, ended.stdout]).toEqual([code, '']);
    expect(ended.stderr).toMatch(stderr);
  });
});
