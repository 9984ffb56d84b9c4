import { startOurServer } from '@gearman/testing';
import { describeWorker } from '../support/behaviour.ts';
import { describeControl } from '../support/behaviour-control.ts';
import { describeResults } from '../support/behaviour-results.ts';

const start = (port?: number) => startOurServer({}, port);
describeWorker('our server', start);
describeResults('our server', start);
describeControl('our server', start);
