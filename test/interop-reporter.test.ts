import { expect, test } from 'vitest';
import { complain } from '../scripts/lib/interop-reporter.mjs';

test.each([
  { found: 5, skipped: 0, required: true, complaint: undefined },
  { found: 0, skipped: 0, required: false, complaint: undefined },
  { found: 5, skipped: 2, required: false, complaint: '2 of 5 tests' },
  { found: 5, skipped: 2, required: true, complaint: '2 of 5 tests' },
  { found: 0, skipped: 0, required: true, complaint: 'no interop test ran' },
])('$skipped of $found skipped, required: $required → $complaint', ({ complaint, ...run }) => {
  const said = complain(run.found, run.skipped, run.required);
  if (complaint === undefined) expect(said).toBeUndefined();
  else expect(said).toContain(complaint);
});
