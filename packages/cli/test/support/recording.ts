import { readFileSync, writeFileSync } from 'node:fs';
import type { GroupName } from './invocations.ts';
import type { Outcome } from './play.ts';

/** What the C tools did, and where ours do something else on purpose, what they do. */
export interface Recorded {
  readonly group: GroupName;
  readonly name: string;
  /** With which job server: lists come in another order from each. */
  readonly server: 'gearmand' | '@gearman/server' | 'none';
  readonly theirs: Outcome;
  readonly ours?: Outcome;
}

const FILE = new URL('../fixtures/gearman-tools-1.1.20.json', import.meta.url);

export const readRecording = (): Recorded[] => JSON.parse(readFileSync(FILE, 'utf8'));

export function writeRecording(recorded: readonly Recorded[]): void {
  writeFileSync(FILE, `${JSON.stringify(recorded, null, 1)}\n`);
}
