import { startOurServer } from '@gearman/testing';
import { describePool } from '../support/server-behaviour.ts';

describePool('our server', (port) => startOurServer({}, port), { streaming: true });
