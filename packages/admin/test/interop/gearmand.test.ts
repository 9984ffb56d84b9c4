import { shouldTestGearmand, startGearmand } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { createAdmin } from '../../src/index.ts';
import { describeAdmin } from '../behaviour/describe-admin.ts';

// Skipped tests are complained about at the end of the run; with GEARMAN_REQUIRE_INTEROP=1 they run and fail.
describe.skipIf(!shouldTestGearmand())('Interoperability', () => {
  describeAdmin('gearmand', () => startGearmand());

  test('gearmand knows neither schedules nor paused functions', async () => {
    await using gearmand = await startGearmand();
    await using admin = createAdmin({ servers: gearmand.server });
    const calls = [
      () => admin.schedules(),
      () => admin.cancelSchedule('S:1'),
      () => admin.pauseSchedule('S:1'),
      () => admin.resumeSchedule('S:1'),
      () => admin.runNow('S:1'),
      () => admin.pause('f'),
      () => admin.resume('f'),
      () => admin.paused(),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'ERR_GEARMAN_UNSUPPORTED' });
  });
});
