import { createServer, type Server } from '@gearman/server';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LoadReport, load } from '../../src/peers/load.ts';
import { compile } from '../../src/support/native.ts';

const canCompile = compile('load') !== undefined;

/** `compile` says why in its output. */
describe.skipIf(!canCompile)('the load generator', () => {
  let server: Server;
  const at = (): { port: number; pid: number } => ({
    port: server.addresses[0]?.port ?? 0,
    pid: process.pid,
  });

  beforeEach(async () => {
    server = createServer();
    await server.listen({ host: '127.0.0.1', port: 0 });
  });
  afterEach(() => server.close());

  const counted = ({ latency }: LoadReport): number => latency.reduce((sum, [, jobs]) => sum + jobs, 0);

  test('submits as many jobs as it is told, each with a latency', async () => {
    const report = await load('submit', at(), { clients: 3, window: 8, jobs: 1000, unique: -1 });
    expect(report).toMatchObject({ jobs: 1000, wrong: 0 });
    expect(counted(report)).toBe(1000);
    expect(server.stats.jobs).toBe(1000);
  });

  test('drains a queue to its last job', async () => {
    await load('submit', at(), { window: 64, jobs: 500 });
    const report = await load('drain', at(), { workers: 4, pipeline: 4, jobs: 500, warmJobs: 100 });
    expect(report.wrong).toBe(0);
    expect(report.jobs).toBeGreaterThan(300);
    expect(server.stats.jobs).toBe(0);
  });

  test.each([10, 5000, 300_000])('gets back what it sent, %i bytes', async (bytes) => {
    const report = await load('echo', at(), { workers: 2, window: 4, bytes, jobs: 40 });
    expect(report).toMatchObject({ jobs: 40, wrong: 0 });
  });

  test('wakes sleeping workers', async () => {
    const report = await load('idle', at(), { workers: 50, jobs: 3 });
    expect(report).toMatchObject({ jobs: 3, wrong: 0 });
    expect(counted(report)).toBe(3);
  });

  test('lets many clients wait for one job', async () => {
    const report = await load('fan', at(), { clients: 20, jobs: 100 });
    expect(report.jobs).toBeGreaterThanOrEqual(100);
  });

  test('fails when the server refuses', async () => {
    await server.close();
    await expect(load('submit', { port: 1, pid: 0 }, { jobs: 1 })).rejects.toThrow('Connection refused');
  });
});
