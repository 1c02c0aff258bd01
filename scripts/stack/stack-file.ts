import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { SetupError, type Home } from '../setup';

/** Where everything of a stack answers. */
export interface StackUrls {
  controlPlane: string;
  /** The first edge. */
  edge: string;
  edges: Record<string, string>;
  /** Admin port of each edge: its page, status and metrics. */
  edgeAdmins: Record<string, string>;
  /** The simulator's control port. */
  simulator: string | null;
  temporalUi: string | null;
  temporalAddress: string;
  postgres: string;
}

/** ADLOOP_HOME/run/stack.json: how the CLI finds a running stack. Written at start, removed at stop. */
export interface StackFile {
  supervisorPid: number;
  startedAt: string;
  urls: StackUrls;
  processes: { name: string; pid: number; port: number | null }[];
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Refuses to start twice in one home; forgets a stack whose supervisor is gone. */
export function claimHome(home: Home): void {
  if (!existsSync(home.stackFile)) return;
  const running = JSON.parse(readFileSync(home.stackFile, 'utf8')) as StackFile;
  if (alive(running.supervisorPid)) {
    throw new SetupError(
      `Adloop runs already in ${home.root} (pid ${running.supervisorPid}, ${running.urls.controlPlane}): stop it with Ctrl-C there, or set ADLOOP_HOME to another folder`,
    );
  }
  rmSync(home.stackFile, { force: true });
}

/** The file holds the database's password: for the owner's eyes only. */
export function writeStackFile(home: Home, file: StackFile): void {
  writeFileSync(home.stackFile, JSON.stringify(file, null, 2) + '\n', { mode: 0o600 });
}

export function removeStackFile(home: Home): void {
  rmSync(home.stackFile, { force: true });
}
