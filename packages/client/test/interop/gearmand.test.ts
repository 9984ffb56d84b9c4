import { shouldTestGearmand, startGearmand } from '@gearman/testing';
import { describe } from 'vitest';
import { describeAttempts } from '../behaviour/attempts-behaviour.ts';
import { describeClient } from '../behaviour/client-behaviour.ts';
import { describeCollections } from '../behaviour/collections-behaviour.ts';

// Skipped tests are complained about at the end of the run; with GEARMAN_REQUIRE_INTEROP=1 they run and fail.
describe.skipIf(!shouldTestGearmand())('Interoperability', () => {
  describeClient('gearmand', (port) => startGearmand([], port));
  describeAttempts('gearmand', (port) => startGearmand([], port));
  describeCollections('gearmand', (port) => startGearmand([], port));
});
