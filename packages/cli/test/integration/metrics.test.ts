import { createAdmin } from '@gearman/admin';
import { freePort, startOurServer } from '@gearman/testing';
import { expect, test } from 'vitest';
import { readMetrics } from '../../src/commands/metrics.ts';

test('counts the functions beyond the limit, and shows those that come first', async () => {
  await using server = await startOurServer();
  await using admin = createAdmin({ servers: server.server });
  for (const name of ['c', 'a', 'b']) await admin.createFunction(name);
  const { text } = await readMetrics(admin, { maxFunctions: 2 });
  expect(text).toContain(`gearman_functions_omitted{server="${server.server}"} 1`);
  expect(text.match(/(?<=^gearman_jobs\{.*function=")\w/gm)).toEqual(['a', 'b']);
});

test('a server that does not answer is down, and has no other figures', async () => {
  await using server = await startOurServer();
  const down = `127.0.0.1:${await freePort()}`;
  await using admin = createAdmin({ servers: [server.server, down] });
  const { text } = await readMetrics(admin, { maxFunctions: 2 });
  expect(text).toContain(`gearman_up{server="${server.server}"} 1`);
  expect(text.split('\n').filter((line) => line.includes(down))).toEqual([`gearman_up{server="${down}"} 0`]);
});

test('a function that is gone leaves no series', async () => {
  await using server = await startOurServer();
  await using admin = createAdmin({ servers: server.server });
  await admin.createFunction('gone');
  expect((await readMetrics(admin, { maxFunctions: 9 })).text).toContain('function="gone"');
  await admin.dropFunction('gone');
  expect((await readMetrics(admin, { maxFunctions: 9 })).text).not.toContain('function="gone"');
});
