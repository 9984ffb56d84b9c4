import { decodeBody, JobRef } from '@gearman/protocol';
import { describe, expect, it } from 'vitest';
import { bytesOf } from '../helpers.ts';

describe('JobRef', () => {
  it.each([
    ['127.0.0.1:4730', 'H:box:17'],
    ['[::1]:4730', 'H:box:17'],
    ['unix:/run/gearman.sock', 'H:box:17'],
    ['box:4730', 'H:a//b:1'],
    ['box:4730', 'H:\u00e9\u00ff:1'],
  ])('is read as it was written: %s %s', (server, handle) => {
    const text = `${new JobRef(server, handle)}`;
    expect(text).toBe(`${server}//${handle}`);
    expect(JobRef.parse(text)).toEqual(new JobRef(server, handle));
  });

  it('keeps a handle that came in a packet, whatever its bytes', () => {
    const packet = decodeBody('JOB_CREATED', 'RES', bytesOf('H:b\u00c3\u00bcx\u00ff:1'));
    if (packet.type !== 'JOB_CREATED') throw new Error(packet.type);
    const ref = new JobRef('box:4730', packet.handle);
    expect(JobRef.parse(ref.toString()).handle).toBe(packet.handle);
  });

  it('is its text in JSON', () => {
    expect(JSON.stringify({ job: new JobRef('box:4730', 'H:box:1') })).toBe('{"job":"box:4730//H:box:1"}');
  });

  it.each(['', 'H:box:1', '//H:box:1', 'box:4730/H:box:1'])('is not %j', (text) => {
    expect(() => JobRef.parse(text)).toThrow(
      expect.objectContaining({
        code: 'ERR_GEARMAN_INVALID_ARGUMENT',
        message: `"${text}" is not a job reference; expected host:port//handle`,
      }),
    );
  });

  it.each(['box:4730//', `box:4730//${'x'.repeat(64)}`, 'box:4730//a\0b', 'box:4730//☃'])(
    'has a valid handle, unlike %j',
    (text) => {
      expect(() => JobRef.parse(text)).toThrow(
        expect.objectContaining({ code: 'ERR_GEARMAN_INVALID_ARGUMENT' }),
      );
    },
  );
});
