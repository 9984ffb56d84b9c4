import { shouldTestGearmand, startGearmand } from '@gearman/testing';
import { describe } from 'vitest';
import { describeCommands } from '../behaviour/describe-commands.ts';

describe.skipIf(!shouldTestGearmand())('against gearmand', () => {
  describeCommands('gearmand', () => startGearmand());
});
