import { startOurServer } from '@gearman/testing';
import { describeAdmin } from '../behaviour/describe-admin.ts';

describeAdmin('our server', () => startOurServer());
