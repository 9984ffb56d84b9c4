import { startOurServer } from '@gearman/testing';
import { describeAttempts } from '../behaviour/attempts-behaviour.ts';
import { describeClient } from '../behaviour/client-behaviour.ts';
import { describeCollections } from '../behaviour/collections-behaviour.ts';

describeClient('@gearman/server', (port) => startOurServer({}, port));
describeCollections('@gearman/server', (port) => startOurServer({}, port));
describeAttempts('@gearman/server', (port) => startOurServer({}, port));
