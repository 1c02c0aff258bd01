import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

interface Manifest {
  version: string;
  dependencies?: Record<string, string>;
}

/** An installed package: where it lies below the root, and its version. */
export interface InstalledPackage {
  name: string;
  version: string;
  folder: string;
}

/**
 * The named packages and all that they depend on, as npm installed them from the lockfile; resolved as Node does, from the asking
 * folder upwards. @throws Error when one is not installed
 */
export function requiredPackages(root: string, names: readonly string[]): InstalledPackage[] {
  const found = new Map<string, InstalledPackage>();
  const queue = names.map((name) => ({ name, from: '' }));
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const folder = locate(root, next.name, next.from);
    if (found.has(folder)) continue;
    const manifest = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) as Manifest;
    found.set(folder, { name: next.name, version: manifest.version, folder });
    for (const name of Object.keys(manifest.dependencies ?? {})) queue.push({ name, from: folder });
  }
  return [...found.values()].sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

function locate(root: string, name: string, from: string): string {
  for (let base = from; ; base = path.dirname(base) === '.' ? '' : path.dirname(base)) {
    const folder = path.join(base, 'node_modules', name);
    if (path.basename(base) !== 'node_modules' && existsSync(path.join(root, folder, 'package.json'))) return folder;
    if (base === '') throw new Error(`${name}, which ${from || 'the program'} needs, is not installed`);
  }
}
