import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { findRoot } from '../setup';

const run = promisify(execFile);

/** Copies a stopped home by the commands an operator would use: `adloop backup`, then `adloop restore` elsewhere. */
export async function copyHome(from: string, to: string, file: string): Promise<void> {
  const cli = path.join(findRoot(), 'dist', 'apps', 'cli', 'src', 'main.js');
  const adloop = (home: string, ...args: string[]) =>
    run(process.execPath, [cli, ...args], { env: { ...process.env, ADLOOP_HOME: home } });
  await adloop(from, 'backup', file);
  await adloop(to, 'restore', file);
}
