import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { expect, test } from 'vitest';
import { Authority, type Certificate } from '../../../../test/support/certificates.ts';
import { ask, type Gearmand, gearmandOnFreePort } from '../support/gearmand.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Writes them as files for the command line. */
function inFiles({ cert, key }: Certificate, authority: Authority, folder = temporaryFolder()) {
  const files = ['cert.pem', 'key.pem', 'ca.pem'].map((name) => join(folder, name));
  for (const [index, text] of [cert, key, authority.cert].entries()) writeFileSync(files[index] ?? '', text);
  const [certFile = '', keyFile = '', caFile = ''] = files;
  return { folder, args: ['--ssl', '--ssl-certificate', certFile, '--ssl-key', keyFile], caFile };
}

/** The answer to a text command, and whose certificate the server showed. */
async function askSafely(port: number, line: string, options: ConnectionOptions) {
  const socket = connect({ port, host: '127.0.0.1', ...options });
  try {
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.write(`${line}\n`);
    const [answer]: unknown[] = await once(socket, 'data');
    return { answer: String(answer), serialNumber };
  } finally {
    socket.destroy();
  }
}

const theirs = new Authority();
const start = (...args: string[]): Promise<Gearmand & { readonly port: number }> =>
  gearmandOnFreePort(...args);

test('--ssl encrypts, and answers nobody in plain text', async () => {
  const { args } = inFiles(theirs.issue(), theirs);
  const server = await start(...args);
  await server.logs('tls=true');
  expect(await askSafely(server.port, 'version', { ca: theirs.cert })).toMatchObject({
    answer: 'OK 0.1.0\n',
  });
  expect(await ask({ port: server.port }, 'version').catch(String)).not.toContain('OK');
});

test('--ssl-client-certificates=require keeps strangers out', async () => {
  const { args, caFile } = inFiles(theirs.issue(), theirs);
  const server = await start(...args, '--ssl-ca-file', caFile, '--ssl-client-certificates=require');
  const known = { ca: theirs.cert, ...theirs.issue() };
  expect(await askSafely(server.port, 'version', known)).toMatchObject({ answer: 'OK 0.1.0\n' });
  await expect(askSafely(server.port, 'version', { ca: theirs.cert })).rejects.toThrow(
    /certificate|ECONNRESET/,
  );
});

test('SIGHUP reads the certificates again; a bad one changes nothing', async () => {
  const { args, folder } = inFiles(theirs.issue(), theirs);
  const server = await start(...args, '--verbose=INFO');
  const first = await askSafely(server.port, 'version', { ca: theirs.cert });

  inFiles(theirs.issue(), theirs, folder);
  server.signal('SIGHUP');
  await server.logs('the certificates were read again');
  const second = await askSafely(server.port, 'version', { ca: theirs.cert });
  expect(second.serialNumber).not.toBe(first.serialNumber);

  inFiles({ cert: 'nonsense', key: 'nonsense' }, theirs, folder);
  server.signal('SIGHUP');
  await server.logs('ERROR the certificates cannot be used');
  expect(await askSafely(server.port, 'version', { ca: theirs.cert })).toEqual(second);
});
