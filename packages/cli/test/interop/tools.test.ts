import { execFileSync } from 'node:child_process';
import { shouldTestGearmand, startGearmand, startOurServer } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { type GroupName, INVOCATIONS } from '../support/invocations.ts';
import { type Outcome, playGroup, playOffline, type Tools } from '../support/play.ts';
import { type Recorded, readRecording, writeRecording } from '../support/recording.ts';

type ServerName = Recorded['server'];

// The type says which keys there are.
const GROUPS = Object.keys(INVOCATIONS) as GroupName[];
const SERVERS: readonly ServerName[] = ['gearmand', '@gearman/server', 'none'];

async function playOn(server: ServerName, group: GroupName, tools: Tools): Promise<Map<string, Outcome>> {
  if (server === 'none') return playOffline(group);
  await using started = server === 'gearmand' ? await startGearmand() : await startOurServer();
  return await playGroup(group, tools, started);
}

/** Plays groups one after the other, each with a server of its own. */
async function playAll(server: ServerName, tools: Tools, groups = GROUPS) {
  const played = new Map<GroupName, Map<string, Outcome>>();
  for (const group of groups) played.set(group, await playOn(server, group, tools));
  return played;
}

async function record(): Promise<Recorded[]> {
  execFileSync('gearman', ['-H', '-f', 'x']);
  const recorded: Recorded[] = [];
  for (const server of SERVERS) {
    const theirs = await playAll(server, 'theirs');
    const ours = await playAll(server, 'ours');
    for (const group of GROUPS) {
      for (const [name, outcome] of theirs.get(group) ?? []) {
        const invocation = INVOCATIONS[group].find((each) => each.name === name);
        const our = invocation?.differs === undefined ? undefined : ours.get(group)?.get(name);
        recorded.push({ group, name, server, theirs: outcome, ...(our !== undefined && { ours: our }) });
      }
    }
  }
  return recorded;
}

/** RECORD=1 writes the recording anew. No test that is skipped otherwise: a skipped one means that a tool is missing. */
if (process.env['RECORD'] === '1') {
  test('records what the tools do', async () => writeRecording(await record()), 60_000);
}

describe.skipIf(!shouldTestGearmand())('the recording', () => {
  test.each(SERVERS)('is what the C tools do, with %s', async (server) => {
    const played = await playAll(server, 'theirs');
    for (const { group, name, theirs } of readRecording().filter((each) => each.server === server)) {
      expect(played.get(group)?.get(name), `${group}: ${name}`).toEqual(theirs);
    }
  });

  // As a client: that is the same with every server, and tested with ours.
  test('is what our tools do with gearmand', async () => {
    const played = await playAll('gearmand', 'ours', ['worker', 'admin']);
    const wanted = readRecording().filter(({ server, group }) => server === 'gearmand' && group !== 'client');
    for (const { group, name, theirs, ours } of wanted) {
      expect(played.get(group)?.get(name), `${group}: ${name}`).toEqual(ours ?? theirs);
    }
  });
});
