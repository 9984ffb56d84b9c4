import { startOurServer } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { runGearadmin, runGearman } from '../../src/index.ts';
import { type GroupName, INVOCATIONS } from '../support/invocations.ts';
import { playGroup } from '../support/play.ts';
import { type Recorded, readRecording } from '../support/recording.ts';
import { runHere } from '../support/run-here.ts';

const recorded = readRecording();
const byServer = (server: Recorded['server'], group: GroupName): Recorded[] =>
  recorded.filter((each) => each.server === server && each.group === group);

// The type says which keys there are.
const GROUPS = Object.keys(INVOCATIONS) as GroupName[];

describe('gearman and gearadmin, with our server', () => {
  test.each(GROUPS)('do what the C tools do, byte for byte: %s', async (group) => {
    await using server = await startOurServer();
    const played = await playGroup(group, 'ours', server);
    const wanted = byServer('@gearman/server', group);
    for (const { name, theirs, ours } of wanted) expect(played.get(name), name).toEqual(ours ?? theirs);
    expect([...played.keys()]).toEqual(wanted.map(({ name }) => name));
  });
});

describe('gearman and gearadmin, without a server', () => {
  const offline = GROUPS.flatMap((group) =>
    INVOCATIONS[group]
      .filter((each) => each.offline === true)
      .map(({ name, tool, args }) => ({ group, name, tool, args })),
  );

  test.each(offline)('$tool $name, as the C tool', async ({ group, name, tool, args }) => {
    const wanted = byServer('none', group).find((each) => each.name === name);
    expect(wanted).toBeDefined();
    expect(await runHere(tool === 'gearman' ? runGearman : runGearadmin, args)).toEqual(wanted?.theirs);
  });
});

test('what differs differs on purpose, and nothing else', () => {
  for (const { group, name, theirs, ours } of recorded) {
    const invocation = INVOCATIONS[group].find((each) => each.name === name);
    expect(invocation, name).toBeDefined();
    expect(ours !== undefined, name).toBe(invocation?.differs !== undefined);
    if (ours !== undefined) expect(ours, name).not.toEqual(theirs);
  }
});

test('more than forty calls are recorded', () => {
  const calls = new Set(recorded.map(({ group, name }) => `${group} ${name}`));
  expect(calls.size).toBe(Object.values(INVOCATIONS).flat().length);
  expect(calls.size).toBeGreaterThan(40);
});
