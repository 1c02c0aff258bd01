import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A new folder for homes that will be thrown away, open to the uid that runs Postgres when we are root. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), `adloop-${name}-`));
  chmodSync(folder, 0o755);
  return folder;
}

/** Removes a folder that is a home or holds homes, with the databases that lie outside of them. */
export function removeHomes(folder: string): void {
  const homes = [folder, ...readdirSync(folder).map((name) => path.join(folder, name))];
  for (const home of homes) {
    const config = path.join(home, 'config.json');
    if (!existsSync(config)) continue;
    const { postgresDir } = JSON.parse(readFileSync(config, 'utf8')) as { postgresDir: string };
    if (postgresDir.startsWith(`${home}${path.sep}`)) continue;
    rmSync(postgresDir, { recursive: true, force: true });
    const outer = path.dirname(postgresDir);
    if (existsSync(outer) && readdirSync(outer).length === 0) rmdirSync(outer);
  }
  rmSync(folder, { recursive: true, force: true });
}
