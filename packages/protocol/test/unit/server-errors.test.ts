import { GearmanError, InvalidArgumentError, ProtocolError, SERVER_ERRORS } from '@gearman/protocol';
import { describe, expect, it } from 'vitest';
import { FRAMES } from '../vectors/vectors.ts';

describe('SERVER_ERRORS', () => {
  it('has exactly the errors that were recorded', () => {
    const recorded = new Set<string>();
    for (const { documented, dir } of FRAMES) {
      if (dir === 'from-server' && documented?.type === 'ERROR')
        recorded.add(`${documented.fields['code']}: ${documented.fields['text']}`);
    }
    const known = Object.values(SERVER_ERRORS).map(({ code, text }) => `${code}: ${text}`);
    expect([...recorded].sort()).toEqual(known.sort());
  });
});

describe('GearmanError', () => {
  it('has a name and a code in every class', () => {
    const cause = new Error('why');
    for (const error of [new InvalidArgumentError('bad', { cause }), new ProtocolError('bad', { cause })]) {
      expect(error).toBeInstanceOf(GearmanError);
      expect(error.name).toBe(error.constructor.name);
      expect(error.code).toMatch(/^ERR_GEARMAN_[A-Z_]+$/);
      expect([error.message, error.cause, error.retryable]).toEqual(['bad', cause, false]);
    }
  });
});
