import { startOurServer } from '@gearman/testing';
import { describeClient } from '../behaviour/client-behaviour.ts';

describeClient('@gearman/server', (port) => startOurServer({}, port));
