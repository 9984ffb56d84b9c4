import { type Packet, request } from '@gearman/protocol';
import { describe, expect, test } from 'vitest';
import { readMessage } from '../support/read-message.ts';
import { canDo, grab, handleIn, submit, submitBackground, workData } from '../support/requests.ts';
import { startServer } from '../support/start-server.ts';

const read = (messages: readonly string[]): string[] => messages.map(readMessage);
const streaming = (): Packet => request('OPTION_REQ', { option: 'streaming' });

describe('streaming mode of abraxas', () => {
  test('is accepted, and forbids foreground jobs with a unique id in the words of abraxas', async () => {
    const running = await startServer();
    const client = await running.connect();
    expect(read(await client.ask(streaming(), submit('f', 'x', 'u')))).toEqual([
      'OPTION_RES streaming',
      "ERROR NO_SUCH_JOB|Can't create a foreground job with a uniqueid with streaming enabled",
    ]);
    expect(read(await client.ask(submit('f'), submitBackground('f', 'x', 'u')))).toEqual([
      expect.stringMatching(/^JOB_CREATED /),
      expect.stringMatching(/^JOB_CREATED /),
    ]);
    expect(running.server.stats).toMatchObject({ jobs: 2 });
  });

  test('a foreground job that loses its worker fails, a background job is run again', async () => {
    const running = await startServer();
    const [client, worker] = [await running.connect(), await running.connect()];
    const [foreground, background] = (await client.ask(submit('f'), submitBackground('f'))).map(handleIn);
    await worker.ask(streaming(), canDo('f'), grab(), grab());
    // At once: there is no other end of the job that the data could wait for.
    await worker.ask(workData(foreground ?? '', 'part'));
    expect(read(await client.arrived())).toEqual([`WORK_DATA ${foreground}|part`]);
    const gone = running.next('disconnect');
    await worker.close();
    await gone;
    expect(read(await client.arrived())).toEqual([`WORK_FAIL ${foreground}`]);
    const next = await running.connect();
    expect((await next.ask(canDo('f'), grab())).map(handleIn)).toEqual([background]);
    expect(running.server.stats.counters['stream-broken']).toBe(1);
  });
});

test('commands behind a RESET_ABILITIES that gives back very many jobs wait for it', async () => {
  const running = await startServer();
  const [client, worker] = [await running.connect(), await running.connect()];
  const many = 5000;
  for (let i = 0; i < many; i++) client.send(submitBackground('f'));
  const created = await client.arrived();
  worker.send(canDo('f'));
  for (let i = 0; i < many; i++) worker.send(grab());
  const assigned = await worker.arrived();
  expect(assigned).toHaveLength(many);
  const late = request('WORK_FAIL', { handle: handleIn(assigned[0]) });
  const answers = await worker.ask(request('RESET_ABILITIES', {}), late, canDo('f'), grab());
  expect(read(answers)).toEqual([
    'ERROR JOB_NOT_FOUND|Job given in work result not found',
    // Those grabbed last went back first.
    `JOB_ASSIGN ${handleIn(created[many - 1])}|f|x`,
  ]);
});
