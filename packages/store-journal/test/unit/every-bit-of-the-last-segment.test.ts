import { describeEveryBit } from '../support/every-bit.ts';

// In two files, so that they run side by side.
describeEveryBit('the last segment', false);
