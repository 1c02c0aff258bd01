import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** The repository's root, found from the sources as well as from dist/. */
export function findRoot(from: string = __dirname): string {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json');
    if (existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string }).name === 'adloop') {
      return folder;
    }
    if (folder === path.dirname(folder)) throw new Error(`no package.json of adloop above ${from}`);
  }
}
