import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePacket, type Packet, request } from '@gearman/protocol';
import { createServer, type ServerOptions } from '@gearman/server';
import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { Authority } from '../../../../test/support/certificates.ts';
import { readMessage } from '../support/read-message.ts';
import {
  canDo,
  echo,
  grab,
  handleIn,
  header,
  submit,
  submitBackground,
  workComplete,
} from '../support/requests.ts';
import { largePayload, openFilesIn, spoolDirectory } from '../support/spool-directory.ts';
import { startServer } from '../support/start-server.ts';
import { TestConnection } from '../support/test-connection.ts';
import { connectTls } from '../support/tls-peers.ts';

const THRESHOLD_BYTES = 0x1_0000;
const LARGE = largePayload(300_000);
const SUBMIT_JOB = 7;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const read = (messages: readonly string[]): string[] => messages.map(readMessage);

async function start(options: ServerOptions = {}) {
  const { directory, files } = spoolDirectory();
  const running = await startServer({ spool: { directory, thresholdBytes: THRESHOLD_BYTES }, ...options });
  return { running, directory, files };
}

const large = (functionName = 'f', uniqueId = '', workload: Uint8Array = LARGE): Packet =>
  request('SUBMIT_JOB', { functionName, uniqueId, workload });

const bytesOf = (...packets: Packet[]): Buffer => Buffer.concat(packets.flatMap(encodePacket));

/** The job that a worker gets next. */
async function take(worker: TestConnection): Promise<{ handle: string; workload: string }> {
  const [assigned = ''] = await worker.ask(grab());
  const [handle = '', , ...rest] = assigned.slice(12).split('\0');
  return { handle, workload: rest.join('\0') };
}

/** Submits a job over HTTP. */
function post(port = 0, body: Uint8Array, uniqueId: string, signal?: AbortSignal): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/f`, {
    method: 'POST',
    body: new Uint8Array(body),
    headers: { Connection: 'close', 'X-Gearman-Unique': uniqueId },
    ...(signal && { signal }),
  });
}

/** Sends each piece when the server has had the one before. */
async function sendPieces(
  to: TestConnection,
  other: TestConnection,
  pieces: readonly Buffer[],
): Promise<void> {
  for (const piece of pieces) {
    to.sendBytes(piece);
    await other.arrived();
  }
}

describe('a large payload', () => {
  test('goes to a file as it comes, and from there to the worker; the file is gone when the job is over', async () => {
    const { running, files } = await start();
    const [client, worker] = [await running.connect(), await running.connect()];
    const [created] = await client.ask(large());
    expect(read([created ?? ''])).toEqual([expect.stringMatching(/^JOB_CREATED H:/)]);
    expect(files()).toHaveLength(1);
    expect(running.server.stats).toMatchObject({ jobs: 1, spoolBytes: LARGE.length });
    expect(running.server.stats.queueBytes).toBeLessThan(2000);
    await worker.ask(canDo('f'));
    const { handle, workload } = await take(worker);
    expect(workload === text(LARGE)).toBe(true);
    await worker.ask(workComplete(handle, 'done'));
    expect(read(await client.arrived())).toEqual([`WORK_COMPLETE ${handle}|done`]);
    await expect.poll(files).toEqual([]);
    expect(running.server.stats.spoolBytes).toBe(0);
  });

  const whole = bytesOf(large('resize', 'unique'));
  const cuts = [1, 4, 11, 12, 13, 15, 18, 19, 20, 25, 26, 27, 5000, whole.length - 1];
  test.each(cuts)('is the same when it is cut after %i bytes', async (cut) => {
    const { running } = await start();
    const [client, worker] = [await running.connect(), await running.connect()];
    await sendPieces(client, worker, [whole.subarray(0, cut), whole.subarray(cut)]);
    const [created] = await client.arrived();
    await worker.ask(canDo('resize'));
    const { handle, workload } = await take(worker);
    expect(handle).toBe(handleIn(created));
    expect(workload === text(LARGE)).toBe(true);
  });

  test('is the same byte by byte, and with other packets before and behind it in one piece', async () => {
    const { running } = await start();
    const worker = await running.connect();
    // In this process every piece arrives as it was sent.
    const client = new TestConnection(running.server.connect());
    for (const byte of whole.subarray(0, 600)) client.sendBytes(Buffer.of(byte));
    client.sendBytes(whole.subarray(600));
    client.sendBytes(
      bytesOf(echo('before'), large('resize', '', LARGE.subarray(1)), submit('small'), echo('behind')),
    );
    const answers = read(await client.arrived());
    expect(answers.map((answer) => answer.split(' ')[0])).toEqual([
      'JOB_CREATED',
      'ECHO_RES',
      'JOB_CREATED',
      'JOB_CREATED',
      'ECHO_RES',
    ]);
    await worker.ask(canDo('resize'));
    expect((await take(worker)).workload === text(LARGE)).toBe(true);
    expect((await take(worker)).workload === text(LARGE.subarray(1))).toBe(true);
  });

  test('keeps its size: from the threshold on in a file, below it in memory', async () => {
    const { running, files } = await start();
    const client = await running.connect();
    const bodyWithout = 'f\0\0'.length;
    await client.ask(large('f', '', LARGE.subarray(0, THRESHOLD_BYTES - bodyWithout - 1)));
    expect(files()).toHaveLength(0);
    await client.ask(large('f', '', LARGE.subarray(0, THRESHOLD_BYTES - bodyWithout)));
    expect(files()).toHaveLength(1);
  });

  test('comes with every kind of submit, and leaves with every kind of assignment', async () => {
    const { running } = await start();
    const [client, worker] = [await running.connect(), await running.connect()];
    const workload = LARGE;
    const plain = { functionName: 'f', uniqueId: '', workload };
    const reduced = { ...plain, uniqueId: 'u', reducer: 'sum', ignored: '' };
    const answers = await client.ask(
      request('SUBMIT_JOB_HIGH', plain),
      request('SUBMIT_JOB_HIGH_BG', plain),
      request('SUBMIT_JOB_EPOCH', { ...plain, epoch: '1' }),
      request('SUBMIT_REDUCE_JOB', reduced),
    );
    expect(read(answers)).toEqual(answers.map(() => expect.stringMatching(/^JOB_CREATED /)));
    const assigned: string[] = [];
    for (const type of ['GRAB_JOB', 'GRAB_JOB_UNIQ', 'GRAB_JOB_ALL', 'GRAB_JOB_ALL'] as const) {
      const [packet = ''] = await worker.ask(canDo('f'), request(type, {}));
      expect(packet.endsWith(text(workload))).toBe(true);
      assigned.push(readMessage(packet.slice(0, -workload.length)));
    }
    expect(assigned).toEqual([
      expect.stringMatching(/^JOB_ASSIGN H:\S+\|f\|$/),
      expect.stringMatching(/^JOB_ASSIGN_UNIQ H:\S+\|f\|\|$/),
      expect.stringMatching(/^JOB_ASSIGN_UNIQ H:\S+\|f\|\|$/),
      expect.stringMatching(/^JOB_ASSIGN_ALL H:\S+\|f\|u\|sum\|$/),
    ]);
  });

  test('merges like any other, by unique id and as its own key; what is not needed is removed', async () => {
    const { running, files } = await start();
    const client = await running.connect();
    const same = await client.ask(
      large('f', 'u'),
      large('f', 'u', LARGE.subarray(9)),
      submit('f', 'small', 'u'),
    );
    expect(new Set(same.map(handleIn)).size).toBe(1);
    const keyed = await client.ask(large('f', '-'), large('f', '-'), large('f', '-', LARGE.subarray(1)));
    expect(handleIn(keyed[0])).toBe(handleIn(keyed[1]));
    expect(handleIn(keyed[0])).not.toBe(handleIn(keyed[2]));
    await expect.poll(() => files().length).toBe(3);
    expect(running.server.stats).toMatchObject({ jobs: 3, spoolBytes: 3 * LARGE.length - 1 });
  });

  test('with wrong arguments costs only its packet', async () => {
    const { running, files } = await start();
    const client = await running.connect();
    const tooLong = Buffer.alloc(100_000, 'x');
    client.sendBytes(Buffer.concat([header(SUBMIT_JOB, tooLong.length), tooLong]));
    const longId = Buffer.concat([Buffer.from(`f\0${'u'.repeat(9000)}\0`), LARGE]);
    client.sendBytes(bytesOf(large('f', 'u'.repeat(65))));
    client.sendBytes(Buffer.concat([header(SUBMIT_JOB, longId.length), longId, bytesOf(echo('behind'))]));
    expect(read(await client.arrived())).toEqual([
      expect.stringMatching(/^ERROR INVALID_PACKET.*functionName.* is longer than 8191 bytes/),
      expect.stringMatching(/^ERROR \S+\|.*unique/i),
      expect.stringMatching(/^ERROR INVALID_PACKET.*uniqueId.* is longer than 8191 bytes/),
      'ECHO_RES behind',
    ]);
    await expect.poll(files).toEqual([]);
  });
});

describe('the file of a payload', () => {
  test('is removed when the connection breaks in the middle', async () => {
    const { running, files } = await start();
    const [client, other] = [await running.connect(), await running.connect()];
    await sendPieces(client, other, [bytesOf(large()).subarray(0, 200_000)]);
    await expect.poll(files).toHaveLength(1);
    const gone = running.next('disconnect');
    await client.close();
    await gone;
    await expect.poll(files).toEqual([]);
    expect(running.server.stats).toMatchObject({ jobs: 0, spoolBytes: 0, inputBytes: 0 });
  });

  test('is removed when the job is cancelled, and when its last client leaves', async () => {
    const { running, files } = await start();
    const [client, other] = [await running.connect(), await running.connect()];
    const [first] = await client.ask(large(), large());
    await other.askText(`cancel job ${handleIn(first)}\n`);
    await expect.poll(files).toHaveLength(1);
    await client.close();
    await expect.poll(files).toEqual([]);
  });

  test('is removed with all others at the end of the server, and at the start of the next one', async () => {
    const { running, directory, files } = await start();
    const client = await running.connect();
    await client.ask(large());
    await running.server.close();
    expect(files()).toEqual([]);
    writeFileSync(join(directory, 'payload-7'), 'left behind');
    writeFileSync(join(directory, 'mine'), 'nobody touches it');
    await startServer({ spool: { directory } });
    expect(files()).toEqual([]);
  });

  test('stays until a worker has it, though the job is cancelled meanwhile', async () => {
    const { running, files } = await start();
    const [client, other] = [await running.connect(), await running.connect()];
    const workload = largePayload(12_000_000);
    const [created] = await client.ask(large('f', '', workload));
    const slow = running.server.connect();
    const worker = new TestConnection(slow);
    slow.pause();
    worker.send(canDo('f'), grab());
    await expect.poll(() => running.server.stats.runningJobs).toBe(1);
    await other.askText(`cancel job ${handleIn(created)}\n`);
    slow.resume();
    const [assigned = ''] = await worker.arrived();
    expect(assigned.endsWith(text(workload))).toBe(true);
    await worker.ask(workComplete(handleIn(created), ''));
    await expect.poll(files).toEqual([]);
  });

  test('belongs to one server: another one does not start with the same directory', async () => {
    const { directory } = await start();
    const other = createServer({ spool: { directory } });
    await expect(other.listen({ port: 0 })).rejects.toMatchObject({
      code: 'ERR_GEARMAN_SPOOL',
      message: expect.stringMatching(/cannot take large payloads: it is in use by process/),
    });
    expect(() => other.connect()).toThrow(/the spool is not open/);
    await other.close();
  });

  test('that disappears ends its job, and disconnects the worker that was to get it', async () => {
    const { running, directory, files } = await start();
    const [client, worker] = [await running.connect(), await running.connect()];
    const [created] = await client.ask(large());
    const [name = ''] = files();
    writeFileSync(join(directory, name), 'too short');
    worker.send(canDo('f'), grab());
    await worker.closed;
    expect(read(await client.arrived())).toEqual([`WORK_FAIL ${handleIn(created)}`]);
    expect(running.server.stats.jobs).toBe(0);
  });
});

describe('a large payload that is altered on the disk', () => {
  /** Flips the last bit of the only file. */
  function alter(directory: string, files: () => string[]): void {
    const path = join(directory, files()[0] ?? '');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path, bytes);
  }

  test('reaches no worker as whole; its job fails for its clients, and the worker is disconnected', async () => {
    const { running, directory, files } = await start();
    const [client, worker] = [await running.connect(), await running.connect()];
    const [created] = await client.ask(large());
    alter(directory, files);
    worker.send(canDo('f'), grab());
    await worker.closed;
    expect((await worker.arrived()).join('').length).toBeLessThan(LARGE.length);
    expect(read(await client.arrived())).toEqual([`WORK_FAIL ${handleIn(created)}`]);
    expect(running.server.stats.jobs).toBe(0);
    await expect.poll(files).toEqual([]);
  });

  test('stays among the dead jobs when such are kept', async () => {
    const { running, directory, files } = await start({ dead: {} });
    const [client, worker] = [await running.connect(), await running.connect()];
    await client.ask(request('SUBMIT_JOB_BG', { functionName: 'f', uniqueId: '', workload: LARGE }));
    alter(directory, files);
    worker.send(canDo('f'), grab());
    await worker.closed;
    expect(running.server.stats).toMatchObject({ jobs: 0, deadJobs: 1 });
    expect(files()).toHaveLength(1);
  });
});

describe('limits of large payloads', () => {
  test('their bytes together: the submit is refused with QUEUE_ERROR, and the packets behind it are served', async () => {
    const { running, files } = await start({ limits: { maxSpoolBytes: 500_000 } });
    const client = await running.connect();
    const answers = await client.ask(large(), large(), echo('behind'), submitBackground('f'));
    expect(read(answers)).toEqual([
      expect.stringMatching(/^JOB_CREATED /),
      'ERROR QUEUE_ERROR|The job cannot be stored: large payloads take more than 500000 bytes together',
      'ECHO_RES behind',
      expect.stringMatching(/^JOB_CREATED /),
    ]);
    await expect.poll(files).toHaveLength(1);
    expect(running.server.stats).toMatchObject({ spoolBytes: LARGE.length, limits: { maxSpoolBytes: 1 } });
  });

  test('how many come at the same time: the others wait for their turn', async () => {
    const { running, directory, files } = await start({ limits: { maxSpoolingFiles: 1 } });
    const [one, two, three] = [await running.connect(), await running.connect(), await running.connect()];
    const packet = bytesOf(large());
    one.sendBytes(packet.subarray(0, 100_000));
    await expect.poll(files).toHaveLength(1);
    two.sendBytes(packet);
    await expect.poll(() => running.server.stats.limits.maxSpoolingFiles).toBe(1);
    expect(files()).toHaveLength(1);
    // Everything else goes on.
    expect(await three.ask(submit('f'))).toHaveLength(1);
    one.sendBytes(packet.subarray(100_000));
    for (const client of [one, two]) {
      expect(read(await client.arrived())).toEqual([expect.stringMatching(/^JOB_CREATED /)]);
    }
    // Who goes makes room, too.
    one.sendBytes(packet.subarray(0, 100_000));
    await expect.poll(files).toHaveLength(3);
    two.sendBytes(packet);
    await expect.poll(() => running.server.stats.limits.maxSpoolingFiles).toBe(2);
    await one.close();
    expect(await two.arrived()).toHaveLength(1);
    await expect.poll(() => openFilesIn(directory)).toEqual([]);
  });

  test('for how long one may come while others wait for it, however steadily', async () => {
    const clock = new FakeClock();
    const { running } = await start({ clock, limits: { maxSpoolingFiles: 1 } });
    const [slow, other, third] = [await running.connect(), await running.connect(), await running.connect()];
    const packet = bytesOf(large());
    const gone = running.next('disconnect');
    slow.sendBytes(packet.subarray(0, 100_000));
    await expect.poll(() => running.server.stats.spoolBytes).toBeGreaterThan(0);
    other.sendBytes(packet);
    await expect.poll(() => running.server.stats.limits.maxSpoolingFiles).toBe(1);
    for (let second = 0; second < 32; second++) {
      slow.sendBytes(packet.subarray(100_000 + second, 100_001 + second));
      await third.arrived();
      clock.advance(1000);
    }
    expect((await gone).reason).toMatch(/^sent an unfinished message/);
    expect(read(await other.arrived())).toEqual([expect.stringMatching(/^JOB_CREATED /)]);
  });
});

describe('beside other ways in', () => {
  test('encrypted connections: every byte arrives', async () => {
    const authority = new Authority('Ours');
    const { directory } = spoolDirectory();
    const tls = authority.issue();
    const { port } = await startServer({ tls, spool: { directory, thresholdBytes: THRESHOLD_BYTES } });
    const trusting = { ca: authority.cert, servername: 'localhost' };
    const [client, worker] = [await connectTls(port, trusting), await connectTls(port, trusting)];
    const workload = largePayload(5_000_000);
    await client.ask(large('f', '', workload), large('f', '', LARGE));
    await worker.ask(canDo('f'));
    expect((await take(worker)).workload === text(workload)).toBe(true);
    expect((await take(worker)).workload === text(LARGE)).toBe(true);
  });

  test('HTTP: a large body goes to a file, too, or is refused with 503 when it cannot', async () => {
    const { running, files } = await start({ http: { port: 0 }, limits: { maxSpoolBytes: 500_000 } });
    const worker = await running.connect();
    await worker.ask(canDo('f'));
    const answered = post(running.server.httpAddress?.port, LARGE, 'mine');
    await expect.poll(() => running.server.stats.jobs).toBe(1);
    expect(files()).toHaveLength(1);
    expect(running.server.stats).toMatchObject({ spoolBytes: LARGE.length, inputBytes: 0 });
    const refused = await post(running.server.httpAddress?.port, LARGE.subarray(1), 'another');
    expect([refused.status, await refused.text()]).toEqual([
      503,
      expect.stringMatching(/QUEUE_ERROR.*large payloads take more than 500000 bytes/),
    ]);
    const { handle, workload } = await take(worker);
    expect(workload === text(LARGE)).toBe(true);
    await worker.ask(workComplete(handle, 'done'));
    expect(await (await answered).text()).toBe('done');
    await expect.poll(files).toEqual([]);
    expect(running.server.stats.spoolBytes).toBe(0);
  });

  test('HTTP: bodies wait for their turn, and leave nothing when their client goes', async () => {
    const { running, files } = await start({ http: { port: 0 }, limits: { maxSpoolingFiles: 1 } });
    const [client, worker] = [await running.connect(), await running.connect()];
    const packet = bytesOf(large());
    client.sendBytes(packet.subarray(0, 100_000));
    await expect.poll(files).toHaveLength(1);
    const leaving = new AbortController();
    const given = post(running.server.httpAddress?.port, LARGE, 'gone', leaving.signal);
    given.catch(() => {});
    await expect.poll(() => running.server.stats.limits.maxSpoolingFiles).toBe(1);
    leaving.abort();
    const answered = post(running.server.httpAddress?.port, LARGE, 'stays');
    await expect.poll(() => running.server.stats.limits.maxSpoolingFiles).toBe(2);
    await client.close();
    await worker.ask(canDo('f'));
    await expect.poll(() => running.server.stats.jobs).toBe(1);
    const { handle, workload } = await take(worker);
    expect(workload === text(LARGE)).toBe(true);
    await worker.ask(workComplete(handle, 'done'));
    expect(await (await answered).text()).toBe('done');
    await expect.poll(files).toEqual([]);
    expect(running.server.stats).toMatchObject({ spoolBytes: 0, inputBytes: 0 });
  });

  test('HTTP: a body without a unique id merges with the same payload from elsewhere', async () => {
    const { running, files } = await start({ http: { port: 0 } });
    const [client, worker] = [await running.connect(), await running.connect()];
    const [created] = await client.ask(large('f', '-'));
    const alone = running.server.stats.queueBytes;
    const answered = post(running.server.httpAddress?.port, LARGE, '-');
    const handle = handleIn(created);
    // Another client that waits for the job takes memory.
    await expect.poll(() => running.server.stats.queueBytes).toBeGreaterThan(alone);
    await worker.ask(canDo('f'));
    const job = await take(worker);
    expect([job.handle, job.workload === text(LARGE)]).toEqual([handle, true]);
    await worker.ask(workComplete(handle, 'both'));
    const response = await answered;
    expect([response.headers.get('x-gearman-job-handle'), await response.text()]).toEqual([handle, 'both']);
    expect(read(await client.arrived())).toEqual([`WORK_COMPLETE ${handle}|both`]);
    await expect.poll(files).toEqual([]);
  });
});
