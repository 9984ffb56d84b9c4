import { fakeServer, jobServer } from '@gearman/testing';
import { describeClient } from '../behaviour/client-behaviour.ts';

describeClient('a fake job server', (port = 0) => fakeServer(jobServer(), { port }));
