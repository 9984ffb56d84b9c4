import { type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createListener, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createServer, ListenError } from '@gearman/server';
import { expect, onTestFinished, test } from 'vitest';
import { readMessage } from '../support/read-message.ts';
import { echo } from '../support/requests.ts';
import { TestConnection } from '../support/test-connection.ts';

const SERVER = `
import { createServer } from '@gearman/server';
const server = await createServer().listen({ fd: 3 });
console.log(JSON.stringify(server.addresses));
process.stdin.on('end', () => server.close()).resume();
`;

/** Node has no public way to hand one over to a program that is no child of its own kind. */
function descriptorOf(listener: Server): number {
  return (listener as Server & { readonly _handle: { readonly fd: number } })._handle.fd;
}

test('a socket that the parent process opened is listened on', async () => {
  const listener = createListener().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const stdio: StdioOptions = ['pipe', 'pipe', 'inherit', descriptorOf(listener)];
  const child = spawn(process.execPath, ['--input-type=module', '-e', SERVER], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'close');
  if (child.stdin === null || child.stdout === null) throw new Error('the child has no pipes');
  const [line]: unknown[] = await once(child.stdout, 'data');
  expect(JSON.parse(String(line))).toEqual([{ host: '127.0.0.1', port }]);
  // From here on only the child has it.
  listener.close();
  const connection = await TestConnection.open(port);
  expect((await connection.ask(echo('here'))).map(readMessage)).toEqual(['ECHO_RES here']);
  child.stdin.end();
  await connection.closed;
  expect((await ended)[0]).toBe(0);
  await connection.close();
});

test.each([
  [9999, 'cannot listen on descriptor 9999: it is not open, or no socket'],
  [0, 'cannot listen on descriptor 0'],
])('descriptor %i is refused', async (fd, message) => {
  const server = createServer();
  await expect(server.listen({ fd })).rejects.toThrow(ListenError);
  await expect(server.listen({ fd })).rejects.toThrow(message);
  await server.close();
});
