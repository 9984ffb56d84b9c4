import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@gearman/testing';
import type { Certificate } from './certificates.ts';
import { withClient } from './postgres.ts';
import { until } from './until.ts';

const run = promisify(execFile);
const VERSIONS = '/usr/lib/postgresql';

/** Where the programs of PostgreSQL are; Debian keeps them off the path. `GEARMAN_POSTGRES_BIN` names another folder. */
const BIN = [
  process.env['GEARMAN_POSTGRES_BIN'],
  ...(existsSync(VERSIONS) ? readdirSync(VERSIONS).map((version) => join(VERSIONS, version, 'bin')) : []),
].find((folder) => folder !== undefined && existsSync(join(folder, 'initdb')));

/** True when a test cannot have a database of its own; see `withoutPostgres`. */
export const withoutCluster = BIN === undefined && process.env['GEARMAN_REQUIRE_INTEROP'] !== '1';

interface User {
  readonly uid?: number;
  readonly gid?: number;
}

/** A PostgreSQL of the test's own, which it may stop and start. */
export class PostgresCluster {
  readonly #address: string;
  #login = 'postgres';
  #parameters = '';
  readonly #folder: string;
  readonly #port: number;
  readonly #user: User;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number, user: User) {
    this.#folder = folder;
    this.#port = port;
    this.#user = user;
    this.#address = `127.0.0.1:${port}/postgres`;
  }

  /** @param certificate with which it speaks TLS, and asks for the password, which is `secret` */
  static async start(certificate?: Certificate): Promise<PostgresCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'gearman-postgres-'));
    const user = await userOf(folder);
    // As the database refuses to be run by root.
    await run(binary('initdb'), ['-D', join(folder, 'data'), '-A', 'trust', '-U', 'postgres', '-N'], {
      ...user,
      cwd: folder,
    });
    const cluster = new PostgresCluster(folder, await freePort(), user);
    await cluster.start();
    if (certificate !== undefined) await cluster.#secure(certificate);
    return cluster;
  }

  get url(): string {
    return `postgres://${this.#login}@${this.#address}${this.#parameters}`;
  }

  async start(): Promise<void> {
    const args = ['-D', join(this.#folder, 'data'), '-p', String(this.#port), '-k', this.#folder];
    const child = spawn(binary('postgres'), [...args, '-h', '127.0.0.1'], {
      ...this.#user,
      cwd: this.#folder,
      stdio: 'ignore',
    });
    this.#child = child;
    const end = (): void => void child.kill('SIGQUIT');
    process.once('exit', end);
    child.once('exit', () => process.off('exit', end));
    await until(async () => {
      if (child.exitCode !== null) throw new Error('PostgreSQL does not start');
      return withClient(this.url, async () => true).catch(() => undefined);
    });
  }

  /** Ends it: at once, as a crash would (SIGQUIT), or in order (SIGINT). */
  async stop(signal: 'SIGQUIT' | 'SIGINT' = 'SIGQUIT'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  async #secure({ cert, key }: Certificate): Promise<void> {
    await withClient(this.url, (client) => client.query("alter role postgres password 'secret'"));
    await this.stop();
    const data = join(this.#folder, 'data');
    writeFileSync(join(data, 'server.crt'), cert);
    writeFileSync(join(data, 'server.key'), key, { mode: 0o600 });
    const { uid, gid } = this.#user;
    if (uid !== undefined && gid !== undefined) chownSync(join(data, 'server.key'), uid, gid);
    appendFileSync(join(data, 'postgresql.conf'), 'ssl = on\n');
    writeFileSync(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n');
    this.#login = 'postgres:secret';
    this.#parameters = '?sslmode=no-verify';
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Who runs the database, and has the folder: somebody other than root. */
async function userOf(folder: string): Promise<User> {
  if (process.getuid?.() !== 0) return {};
  const id = async (which: string): Promise<number> => Number((await run('id', [which, 'postgres'])).stdout);
  const [uid, gid] = [await id('-u'), await id('-g')];
  chownSync(folder, uid, gid);
  return { uid, gid };
}

function binary(name: string): string {
  if (BIN === undefined) throw new Error('PostgreSQL is not here; on Debian: apt-get install postgresql');
  return join(BIN, name);
}
