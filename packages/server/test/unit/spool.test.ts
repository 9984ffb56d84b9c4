import type { PacketType } from '@gearman/protocol';
import { FakeClock } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { PayloadFile } from '../../src/engine/payload-file.ts';
import { BodyIntake } from '../../src/net/body-intake.ts';
import { LimitLog } from '../../src/net/limit-log.ts';
import { parseServerOptions } from '../../src/options.ts';
import { Spool } from '../../src/spool/spool.ts';
import type { SpoolDisk } from '../../src/spool/spool-disk.ts';
import { largePayload } from '../support/spool-directory.ts';

const ARGUMENTS = 'f\0u\0';
const PAYLOAD = largePayload(2_000_000);
const CHUNK_BYTES = 65_536;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

type Operation = 'create' | 'write' | 'sync' | 'close';

/** A disk in memory that fails or waits as a test wants it. */
class TestDisk implements SpoolDisk {
  readonly files = new Map<string, Buffer>();
  readonly done: Operation[] = [];
  openFiles = 0;
  /** Throws, or waits, or neither. */
  before: (operation: Operation) => Promise<void> | void = () => {};
  /** How much one write takes. */
  mostBytes = Number.POSITIVE_INFINITY;

  async makeDirectory(): Promise<void> {}

  async list(): Promise<string[]> {
    return [...this.files.keys()];
  }

  async remove(path: string): Promise<void> {
    this.files.delete(path);
  }

  async create(path: string): ReturnType<SpoolDisk['create']> {
    await this.#begin('create');
    this.files.set(path, Buffer.alloc(0));
    this.openFiles++;
    const append = async (buffers: readonly NodeJS.ArrayBufferView[]) => {
      await this.#begin('write');
      // Only Uint8Arrays are written.
      const bytes = Buffer.concat(buffers as readonly Uint8Array[]).subarray(0, this.mostBytes);
      this.files.set(path, Buffer.concat([this.files.get(path) ?? bytes, bytes]));
      return { bytesWritten: bytes.length, buffers: [] };
    };
    return {
      // What of `writev` is used.
      writev: append as never,
      datasync: () => this.#begin('sync'),
      close: async () => {
        this.openFiles--;
        await this.#begin('close');
      },
    };
  }

  async #begin(operation: Operation): Promise<void> {
    await this.before(operation);
    this.done.push(operation);
  }
}

function start(disk: TestDisk, type: PacketType = 'SUBMIT_JOB') {
  const { limits } = parseServerOptions({});
  const clock = new FakeClock();
  const limitLog = new LimitLog(limits, clock, silent);
  const options = { directory: '/spool', thresholdBytes: 1 };
  const spool = new Spool({ options, limits, limitLog, clock, logger: silent, disk });
  let notify = (): void => {};
  const sizeBytes = ARGUMENTS.length + PAYLOAD.length;
  const intake = new BodyIntake({ type, magic: 'REQ', sizeBytes }, spool, {
    intakeProgressed: () => notify(),
  });
  const progress = (): Promise<void> =>
    new Promise((resolve) => {
      notify = resolve;
    });
  return { spool, intake, progress };
}

/** Gives an intake all that it takes, until it has a message. */
async function feed({ intake, progress }: ReturnType<typeof start>): Promise<void> {
  const body = Buffer.concat([Buffer.from(ARGUMENTS), PAYLOAD]);
  let at = 0;
  while (intake.message === undefined) {
    const progressed = progress();
    const taken =
      at < body.length ? intake.take(body.subarray(0, Math.min(body.length, at + CHUNK_BYTES)), at) : at;
    if (taken === at) await progressed;
    at = taken;
  }
  expect(at).toBe(body.length);
}

const fault = (code: string): Error => Object.assign(new Error(`${code}: as the test wants it`), { code });

describe('a payload on its way into a file', () => {
  test('is whole in the end, though the disk takes it in small parts', async () => {
    const disk = new TestDisk();
    disk.mostBytes = 77_777;
    const running = start(disk);
    await feed(running);
    const { payload, message } = running.intake;
    expect(message).toMatchObject({ type: 'SUBMIT_JOB', functionName: 'f', uniqueId: 'u' });
    if (!(payload instanceof PayloadFile)) throw new Error('there is no file');
    expect(disk.files.get(payload.path)?.equals(PAYLOAD)).toBe(true);
    expect([payload.sizeBytes, running.spool.usedBytes, disk.openFiles]).toEqual([
      PAYLOAD.length,
      PAYLOAD.length,
      0,
    ]);
    running.intake.drop();
    await running.spool.close();
    expect([disk.files.size, running.spool.usedBytes]).toEqual([0, 0]);
  });

  test('waits while the disk is slow, with little of it in memory', async () => {
    const disk = new TestDisk();
    let letGo = (): void => {};
    disk.before = (operation) =>
      operation === 'write'
        ? new Promise((resolve) => {
            letGo = resolve;
          })
        : undefined;
    const { intake } = start(disk);
    const body = Buffer.concat([Buffer.from(ARGUMENTS), PAYLOAD]);
    let at = 0;
    while (!intake.isHeldUp) at = intake.take(body.subarray(0, at + CHUNK_BYTES), at);
    expect(intake.take(body, at)).toBe(at);
    expect(intake.heldBytes).toBeLessThan(1_000_000);
    await expect.poll(() => disk.openFiles).toBe(1);
    disk.before = () => {};
    letGo();
    await expect.poll(() => intake.isHeldUp).toBe(false);
    expect(intake.take(body, at)).toBe(body.length);
    await expect.poll(() => intake.payload).toBeInstanceOf(PayloadFile);
  });

  test.each([
    { operation: 'create', code: 'EMFILE' },
    { operation: 'write', code: 'EIO' },
    { operation: 'close', code: 'ENOSPC' },
  ] as const)(
    'goes by when the disk fails with $code ($operation), and nothing of it is left',
    async ({ operation, code }) => {
      const disk = new TestDisk();
      let countdown = operation === 'write' ? 3 : 1;
      disk.before = (each) => {
        if (each === operation && --countdown === 0) throw fault(code);
      };
      const running = start(disk);
      await feed(running);
      expect(running.intake.payload).toMatchObject({ code });
      expect([running.spool.usedBytes, running.intake.heldBytes]).toEqual([0, 0]);
      await expect.poll(() => [disk.files.size, disk.openFiles]).toEqual([0, 0]);
    },
  );

  test('of a background job is on the disk before it counts; one of a foreground job need not be', async () => {
    const foreground = new TestDisk();
    await feed(start(foreground));
    expect(foreground.done).not.toContain('sync');
    const disk = new TestDisk();
    const background = start(disk, 'SUBMIT_JOB_HIGH_BG');
    await feed(background);
    expect(disk.done.slice(-2)).toEqual(['sync', 'close']);
    disk.before = (operation) => {
      if (operation === 'sync') throw fault('EIO');
    };
    const other = start(disk, 'SUBMIT_JOB_EPOCH');
    // An epoch comes between the unique id and the payload.
    await feed(other);
    expect(other.intake.payload).toMatchObject({ code: 'EIO' });
  });

  test('leaves nothing when its connection breaks while the disk is at it', async () => {
    for (const at of ['create', 'write', 'sync'] as const) {
      const disk = new TestDisk();
      const running = start(disk, 'SUBMIT_JOB_BG');
      let reached = (): void => {};
      const stopped = new Promise<void>((resolve) => {
        reached = resolve;
      });
      let letGo = (): void => {};
      disk.before = (operation) => {
        if (operation !== at) return undefined;
        reached();
        return new Promise((resolve) => {
          letGo = resolve;
        });
      };
      const fed = feed(running);
      fed.catch(() => {});
      await stopped;
      running.intake.drop();
      letGo();
      await expect.poll(() => [disk.files.size, disk.openFiles, running.spool.usedBytes]).toEqual([0, 0, 0]);
    }
  });
});
