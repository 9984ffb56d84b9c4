import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Packet, request } from '@gearman/protocol';
import { RawConnection } from '@gearman/testing';
import { expect, onTestFinished, test } from 'vitest';
import { BIN, portIn, startCommand } from '../support/gearmand.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const isPossible = spawnSync('prlimit', ['--nofile=100', 'true']).status === 0;
if (!isPossible)
  process.stderr.write('SKIPPED: the test of a server without file descriptors needs prlimit\n');

const FILES = 64;
const LARGE_BYTES = 0x20_0000;

const background = (bytes: number): Packet =>
  request('SUBMIT_JOB_BG', { functionName: 'f', uniqueId: '', workload: Buffer.alloc(bytes, 'x') });

async function submit(client: RawConnection, bytes: number): Promise<string> {
  client.send(background(bytes));
  const answer = await client.next();
  return answer.type === 'ERROR' ? `${answer.code}: ${answer.text}` : answer.type;
}

/** Takes every file descriptor that the server has left. */
async function occupy(port: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let i = 0; i < FILES; i++) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
    await once(socket, 'connect');
  }
  return sockets;
}

test.runIf(isPossible)(
  'without file descriptors, jobs that need a file are refused; the others go on',
  async () => {
    const directory = join(temporaryFolder(), 'jobs');
    const command = [process.execPath, BIN, '--listen=127.0.0.1', '--port=0', '--data-dir', directory];
    const server = startCommand(['prlimit', `--nofile=${FILES}`, ...command]);
    const port = portIn(await server.ready);
    await using client = await RawConnection.open(port);
    expect(await submit(client, 10)).toBe('JOB_CREATED');
    expect(await submit(client, LARGE_BYTES)).toBe('JOB_CREATED');

    const sockets = await occupy(port);
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    expect(await submit(client, 10)).toBe('JOB_CREATED');
    await expect.poll(() => submit(client, LARGE_BYTES)).toMatch(/^QUEUE_ERROR: .*EMFILE/);
    client.send(request('CAN_DO', { functionName: 'f' }), request('GRAB_JOB', {}));
    const { handle } = await client.expect('JOB_ASSIGN');
    client.send(request('WORK_COMPLETE', { handle, data: new Uint8Array(0) }));

    for (const socket of sockets) socket.destroy();
    await expect.poll(() => submit(client, LARGE_BYTES), { timeout: 5000 }).toBe('JOB_CREATED');
  },
);
