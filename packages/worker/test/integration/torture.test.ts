import { shouldTestGearmand, startGearmand, startOurServer } from '@gearman/testing';
import { expect, test } from 'vitest';
import { type TortureReport, torture } from '../support/torture.ts';

const full = process.env['GEARMAN_TORTURE'] === '1';
const ourServer = (port?: number) => startOurServer({}, port);
const gearmand = (port?: number) => startGearmand([], port);

const SOME = [1, 3, 16];
const SIXTEEN = Array.from({ length: 16 }, (_, index) => 1 + Math.round((index * 63) / 15));

function judge({ highest }: TortureReport, concurrencies: readonly number[]): void {
  for (const [index, concurrency] of concurrencies.entries()) {
    expect(highest[index]).toBe(concurrency);
  }
}

test('workers survive restarts, lost workers and time limits: no job too many, no slot lost, nothing stuck', async () => {
  const report = await torture(ourServer, {
    concurrencies: SOME,
    jobs: 40,
    restarts: 3,
    timeoutMs: 20,
    killProcesses: false,
  });
  judge(report, SOME);
});

test.skipIf(!full)(
  'sixteen workers of our server, fifty restarts, killed processes',
  async () => {
    const report = await torture(ourServer, {
      concurrencies: SIXTEEN,
      jobs: 200,
      restarts: 50,
      timeoutMs: 200,
      killProcesses: true,
    });
    console.log(report);
    judge(report, SIXTEEN);
  },
  600_000,
);

test.skipIf(!full || !shouldTestGearmand())(
  'sixteen workers of gearmand, fifty restarts, cut connections',
  async () => {
    const report = await torture(gearmand, {
      concurrencies: SIXTEEN,
      jobs: 200,
      restarts: 50,
      // Its one timer per connection goes off for jobs that have ended, and then its figures are wrong (gearmand's issue 301).
      timeoutMs: undefined,
      killProcesses: false,
    });
    console.log(report);
    judge(report, SIXTEEN);
  },
  600_000,
);
