import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { startOurServer } from '@gearman/testing';
import { describe, expect, test } from 'vitest';
import { Submitter } from '../support/submitter.ts';

/** A program of its own, which imports the built package, and the lines it prints. */
class Program {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly exited: Promise<readonly [code: number | null, signal: string | null]>;

  constructor(body: string, server: string, stdio: StdioOptions = ['ignore', 'pipe', 'inherit']) {
    const code = `import { createWorker } from '@gearman/worker';\n${body}`;
    this.#child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: new URL('../..', import.meta.url),
      env: { PATH: process.env['PATH'], GEARMAN_SERVERS: server },
      stdio,
    });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('stdout is a pipe');
    this.#lines = createInterface(stdout)[Symbol.asyncIterator]();
    // The event's documented arguments.
    this.exited = once(this.#child, 'exit') as Promise<[number | null, string | null]>;
  }

  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : value;
  }

  /** Closes the channel that the option `stdio` asked for, as the end of this process would. */
  leave(): void {
    this.#child.disconnect();
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.exited;
  }
}

const START = `
worker.on('stop', ({ finished, aborted }) => console.log('stopped', finished, aborted));
worker.handleSignals();
await worker.start();
console.log('started');
`;

describe('a worker process', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 after its running job on %s', async (signal) => {
    await using server = await startOurServer();
    await using client = await Submitter.open(server.port);
    const body = `
      const worker = createWorker();
      worker.register('until-signal', async () => {
        const signal = new Promise((resolve) => process.once('${signal}', resolve));
        console.log('began');
        await signal;
        return 'done';
      });`;
    await using program = new Program(body + START, server.server);
    expect(await program.line()).toBe('started');
    const result = client.run('until-signal');
    expect(await program.line()).toBe('began');
    program.kill(signal);
    expect(await result).toBe('done');
    expect(await program.line()).toBe('stopped 1 0');
    expect(await program.exited).toEqual([0, null]);
  });

  test('ends at once on the second signal', async () => {
    await using server = await startOurServer();
    await using client = await Submitter.open(server.port);
    const body = `
      const worker = createWorker();
      worker.register('endless', () => new Promise(() => console.log('began')));
      process.on('SIGTERM', () => setImmediate(() => console.log('stopping')));`;
    await using program = new Program(body + START, server.server);
    expect(await program.line()).toBe('started');
    await client.submit('endless');
    expect(await program.line()).toBe('began');
    program.kill('SIGTERM');
    expect(await program.line()).toBe('stopping');
    program.kill('SIGINT');
    expect(await program.exited).toEqual([null, 'SIGINT']);
  });

  describe('with a channel to its parent', () => {
    const forked: StdioOptions = ['ignore', 'pipe', 'inherit', 'ipc'];

    test('ends with 0 after its running job when that closes', async () => {
      await using server = await startOurServer();
      await using client = await Submitter.open(server.port);
      const body = `
        const worker = createWorker();
        worker.register('until-alone', async () => {
          const alone = new Promise((resolve) => process.once('disconnect', resolve));
          console.log('began');
          await alone;
          return 'done';
        });`;
      await using program = new Program(body + START, server.server, forked);
      expect(await program.line()).toBe('started');
      const result = client.run('until-alone');
      expect(await program.line()).toBe('began');
      program.leave();
      expect(await result).toBe('done');
      expect(await program.line()).toBe('stopped 1 0');
      expect(await program.exited).toEqual([0, null]);
    });

    test('ends by itself when its worker has stopped', async () => {
      await using server = await startOurServer();
      await using client = await Submitter.open(server.port);
      const body = `
        const worker = createWorker();
        worker.register('end', () => { worker.once('idle', () => worker.stop()); });`;
      await using program = new Program(body + START, server.server, forked);
      expect(await program.line()).toBe('started');
      expect(await client.run('end')).toBe('');
      expect(await program.exited).toEqual([0, null]);
    });

    test('goes on without its parent when asked to', async () => {
      await using server = await startOurServer();
      await using client = await Submitter.open(server.port);
      const body = `
        const worker = createWorker();
        worker.register('f', () => 'still here');
        process.once('disconnect', () => console.log('alone'));
        worker.handleSignals(['SIGTERM'], { parent: false });
        await worker.start();
        console.log('started');`;
      await using program = new Program(body, server.server, forked);
      expect(await program.line()).toBe('started');
      program.leave();
      expect(await program.line()).toBe('alone');
      expect(await client.run('f')).toBe('still here');
      program.kill('SIGTERM');
      expect(await program.exited).toEqual([0, null]);
    });
  });

  test('lives while a worker is started, and ends by itself when it has stopped', async () => {
    await using server = await startOurServer();
    await using client = await Submitter.open(server.port);
    const body = `
      const worker = createWorker();
      worker.register('end', () => { worker.once('idle', () => worker.stop()); });
      await worker.start();
      console.log('started');`;
    await using program = new Program(body, server.server);
    expect(await program.line()).toBe('started');
    expect(await client.run('end')).toBe('');
    expect(await program.exited).toEqual([0, null]);
  });

  test('does not live for a worker that was never started', async () => {
    await using program = new Program('createWorker();', '127.0.0.1:1');
    expect(await program.exited).toEqual([0, null]);
  });
});
