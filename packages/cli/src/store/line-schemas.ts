import { MAX_FUNCTION_NAME_BYTES, MAX_UNIQUE_ID_BYTES } from '@gearman/protocol';
import { z } from 'zod';

const LARGEST_UINT32 = 0xffff_ffff;
/** A store keeps these in one record each. */
const MAX_SETTING_KEY = 2048;
const MAX_SETTING_VALUE = 16 * 0x10_0000;
const MAX_EXTRA = 0x10_0000;

const text = (maxBytes: number) =>
  z
    .string()
    .refine((value) => Buffer.byteLength(value) <= maxBytes, `has at most ${maxBytes} bytes`)
    .refine((value) => !value.includes('\0'), 'has a NUL byte')
    .optional();
const base64 = (maxBytes: number) =>
  z
    .base64()
    .refine((value) => Buffer.byteLength(value, 'base64') <= maxBytes, `has at most ${maxBytes} bytes`)
    .refine((value) => !Buffer.from(value, 'base64').includes(0), 'has a NUL byte')
    .optional();

const aDate = z
  .string()
  .refine(
    (value) => /^[+-]?\d{4,6}-\d\d-\d\dT/.test(value) && !Number.isNaN(Date.parse(value)),
    'must be a time like 2030-01-31T08:00:00.000Z, or null',
  );

export const headLine = z.object({
  format: z.literal('gearman-jobs'),
  version: z.int().min(1),
  from: z.string().default(''),
  exportedAt: z.string().default(''),
  lastNumber: z.int().min(0).default(0),
});

export const settingLine = z.strictObject({
  setting: z.string().min(1).max(MAX_SETTING_KEY),
  value: z.string().max(MAX_SETTING_VALUE),
});

export const endLine = z.strictObject({ end: z.literal(true) });

export const jobLine = z
  .strictObject({
    number: z.int().min(1).optional(),
    function: text(MAX_FUNCTION_NAME_BYTES),
    functionBase64: base64(MAX_FUNCTION_NAME_BYTES),
    unique: text(MAX_UNIQUE_ID_BYTES),
    uniqueBase64: base64(MAX_UNIQUE_ID_BYTES),
    priority: z.enum(['high', 'normal', 'low']).default('normal'),
    runAt: z
      .union([aDate, z.number().min(0)])
      .nullable()
      .default(null),
    attempts: z.int().min(0).max(LARGEST_UINT32).default(0),
    state: z.enum(['waiting', 'dead']).default('waiting'),
    reducer: text(MAX_UNIQUE_ID_BYTES).nullable(),
    reducerBase64: base64(MAX_UNIQUE_ID_BYTES),
    extra: z.string().max(MAX_EXTRA).default(''),
    payload: z.string().optional(),
    payloadBase64: z.base64().optional(),
  })
  .refine((job) => Boolean(job.function) || Boolean(job.functionBase64), 'function: is missing')
  .refine(
    (job) =>
      [
        [job.function, job.functionBase64],
        [job.unique, job.uniqueBase64],
        [job.reducer ?? undefined, job.reducerBase64],
        [job.payload, job.payloadBase64],
      ].every((pair) => pair.includes(undefined)),
    'a field stands there both as text and in base64',
  );
