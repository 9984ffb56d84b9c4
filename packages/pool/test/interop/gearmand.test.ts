import { shouldTestGearmand, startGearmand } from '@gearman/testing';
import { describe } from 'vitest';
import { describePool } from '../support/server-behaviour.ts';

// Skipped tests are complained about at the end of the run; with GEARMAN_REQUIRE_INTEROP=1 they run and fail.
describe.skipIf(!shouldTestGearmand())('Interoperability', () => {
  describePool('gearmand', (port) => startGearmand([], port), { streaming: false });
});
