import { join } from 'node:path';
import { createAdmin } from '@gearman/admin';
import { createClient } from '@gearman/client';
import { expect, test } from 'vitest';
import { gearmandOnFreePort } from '../support/gearmand.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const KILLS = 3;
const RUNS_BETWEEN_KILLS = 2;

test('schedules and paused functions survive kills; every second has its run, and no second has two', {
  timeout: 60_000,
}, async () => {
  const directory = join(temporaryFolder(), 'jobs');
  let ref = '';
  let seconds: number[] = [];
  for (let kill = 0; kill <= KILLS; kill++) {
    const server = await gearmandOnFreePort('--data-dir', directory);
    const servers = `127.0.0.1:${server.port}`;
    await using client = createClient({ servers });
    await using admin = createAdmin({ servers });
    if (kill === 0) await admin.pause('tick');
    // As a program would that says at every start what it wants.
    const rules = { overlap: 'allow', catchUp: 'all', uniqueId: 'u' } as const;
    const { handle } = await client.schedule('tick', '* * * * * *', 'x', rules);
    if (kill > 0) expect(handle).toBe(ref);
    ref = handle;
    expect((await admin.paused()).functionNames).toEqual(['tick']);
    const before = seconds.length;
    const look = async (): Promise<number> => {
      const { jobs } = await admin.uniqueJobs();
      seconds = jobs.map(({ uniqueId }) => Number(uniqueId.replace(`${handle}@`, '')));
      return seconds.length;
    };
    await expect
      .poll(look, { timeout: 15_000, interval: 100 })
      .toBeGreaterThanOrEqual(before + RUNS_BETWEEN_KILLS);
    server.signal(kill < KILLS ? 'SIGKILL' : 'SIGTERM');
    await server.ended;
  }
  const [first = 0] = seconds;
  expect(seconds).toEqual(Array.from(seconds, (_, at) => first + at));
});
