import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Another edge is writing to this folder. */
export class HomeInUse extends Error {}

/** Whether `pid` is a process of ours: numbers are used again after a crash, so its command line is asked where there is one. */
function isEdge(pid: number): boolean {
  const file = `/proc/${pid}/cmdline`;
  if (existsSync('/proc/self/cmdline')) return existsSync(file) && readFileSync(file, 'utf8').includes('bidder-edge');
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: nobody has that number.
    return false;
  }
}

/**
 * Claims a home for this process: two edges appending to one journal would spend one lease twice.
 * @throws HomeInUse
 */
export function lockHome(home: string): void {
  mkdirSync(home, { recursive: true });
  const file = path.join(home, 'edge.pid');
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  if (pid > 0 && pid !== process.pid && isEdge(pid)) throw new HomeInUse(`another edge (process ${pid}) uses ${home}`);
  writeFileSync(file, String(process.pid));
}
