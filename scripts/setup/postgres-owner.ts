import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { SetupError } from './setup-error';

/** Where root keeps what the uid of Postgres must reach when ADLOOP_HOME or the clone is closed to others. */
const SYSTEM_FOLDER = '/var/lib/adloop';

export interface Owner {
  name: string;
  uid: number;
  gid: number;
}

/** Postgres refuses root, so root lends it the uid of `postgres`, or of `nobody`; a normal user runs it as itself. */
export function postgresOwner(): Owner | null {
  if (process.getuid?.() !== 0) return null;
  const rows = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const row = rows.find((line) => line.startsWith(`${name}:`))?.split(':');
    if (row) return { name, uid: Number(row[2]), gid: Number(row[3]) };
  }
  throw new SetupError(
    'Postgres refuses to run as root and there is no user `postgres` or `nobody`: run as a normal user',
  );
}

const OTHERS_EXECUTE = 0o001;

/** Whether any uid may pass through every folder from / down to this one (those that exist). */
function othersCanReach(folder: string): boolean {
  for (let current = path.resolve(folder); ; current = path.dirname(current)) {
    if (existsSync(current) && (statSync(current).mode & OTHERS_EXECUTE) === 0) return false;
    if (current === path.dirname(current)) return true;
  }
}

/** The folder for the cluster's data that belongs to this ADLOOP_HOME. */
export function postgresFolder(home: string): string {
  if (postgresOwner() === null || othersCanReach(home)) return path.join(home, 'postgres');
  const key = createHash('sha256').update(home).digest('hex').slice(0, 12);
  return path.join(SYSTEM_FOLDER, `home-${key}`, 'postgres');
}

/** Makes the data folder and gives it to the uid that runs Postgres. */
export function prepareFolder(folder: string, owner: Owner | null): void {
  mkdirSync(path.dirname(folder), { recursive: true });
  if (path.dirname(folder).startsWith(SYSTEM_FOLDER)) chmodSync(path.dirname(folder), 0o755);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (owner) chownSync(folder, owner.uid, owner.gid);
}

/** The binaries' folder, or a copy of it that the uid of Postgres can reach. */
export function reachableBinaries(folder: string, version: string, owner: Owner | null): string {
  if (owner === null || othersCanReach(folder)) return folder;
  const target = path.join(SYSTEM_FOLDER, `postgres-${version}`);
  if (existsSync(target)) return target;
  mkdirSync(SYSTEM_FOLDER, { recursive: true, mode: 0o755 });
  // Copied aside and renamed, so that two starts at once never see half a copy.
  const copy = `${target}.${process.pid}`;
  cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
  chmodSync(copy, 0o755);
  try {
    renameSync(copy, target);
  } catch (error) {
    rmSync(copy, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}
