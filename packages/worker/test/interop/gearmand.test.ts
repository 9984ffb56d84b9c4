import { shouldTestGearmand, startGearmand } from '@gearman/testing';
import { describeWorker } from '../support/behaviour.ts';
import { describeControl } from '../support/behaviour-control.ts';
import { describeResults } from '../support/behaviour-results.ts';

const start = (port?: number) => startGearmand([], port);
const skip = !shouldTestGearmand();
describeWorker('gearmand', start, { skip });
describeResults('gearmand', start, { skip });
describeControl('gearmand', start, { skip });
