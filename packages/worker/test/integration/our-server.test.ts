import { startOurServer } from '@gearman/testing';
import { describeWorker } from '../support/behaviour.ts';

describeWorker('our server', (port) => startOurServer({}, port));
