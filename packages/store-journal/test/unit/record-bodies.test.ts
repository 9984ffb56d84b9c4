import { describe, expect, test } from 'vitest';
import { type PutRecord, putBodyBytes, readPut, writePut } from '../../src/record-bodies.ts';
import { job } from '../support/jobs.ts';

const SUM = { sizeBytes: 5_000_000_000, crc32: 0xfedc_ba98 };
const SHA256 = 'ab'.repeat(32);
const JOB = job(1);
const BYTES_BEFORE_PAYLOAD = 36 + JOB.functionName.length + JOB.uniqueId.length;

function roundTrip(put: PutRecord): { readonly bytes: number; readonly put: PutRecord } {
  const bytes = Buffer.alloc(putBodyBytes(put));
  writePut(bytes, 0, put);
  return { bytes: bytes.length, put: readPut(bytes) };
}

describe('the record of a job whose payload is a file', () => {
  test.each([
    ['nothing', {}, 0],
    ['a hash', { sha256: SHA256 }, 32],
    ['size and checksum', { sum: SUM }, 12],
    ['both', { sum: SUM, sha256: SHA256 }, 44],
  ])('says of it what is known, which was less in earlier journals: %s', (_, known, sizeBytes) => {
    const put = { ...JOB, payload: undefined, ...known };
    expect(roundTrip(put)).toEqual({ bytes: BYTES_BEFORE_PAYLOAD + sizeBytes, put });
  });

  test('is not taken for one with the payload in it, nor the other way round', () => {
    expect(roundTrip({ ...JOB, payload: Buffer.alloc(12) }).put.payload).toEqual(Buffer.alloc(12));
    expect(roundTrip({ ...JOB, payload: undefined, sum: SUM }).put.payload).toBeUndefined();
  });
});
