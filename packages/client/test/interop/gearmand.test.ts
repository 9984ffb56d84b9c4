import { shouldTestGearmand, startGearmand } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import { describeAttempts } from '../behaviour/attempts-behaviour.ts';
import { describeClient } from '../behaviour/client-behaviour.ts';
import { describeCollections } from '../behaviour/collections-behaviour.ts';

// Skipped tests are complained about at the end of the run; with GEARMAN_REQUIRE_INTEROP=1 they run and fail.
describe.skipIf(!shouldTestGearmand())('Interoperability', () => {
  describeClient('gearmand', (port) => startGearmand([], port));
  describeAttempts('gearmand', (port) => startGearmand([], port));
  describeCollections('gearmand', (port) => startGearmand([], port));

  test('gearmand has no schedules, and the connection outlives the question', async () => {
    await using gearmand = await startGearmand();
    await using client = createClient({ servers: gearmand.server });
    for (const options of [{}, { timeZone: 'Europe/Berlin' }])
      await expect(client.schedule('f', '@daily', 'x', options)).rejects.toMatchObject({
        code: 'ERR_GEARMAN_UNSUPPORTED',
      });
    expect(client.pool.servers).toMatchObject([{ state: 'ready' }]);
  });
});
