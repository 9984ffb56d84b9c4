import { shouldTestGearmand, startGearmand } from '@gearman/testing';
import { describeWorker } from '../support/behaviour.ts';

describeWorker('gearmand', (port) => startGearmand([], port), { skip: !shouldTestGearmand() });
