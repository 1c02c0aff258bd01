import path from 'node:path';
import { findRoot } from './setup';
import { fillEdgeFolder } from './ship/edge-folder';

/** `npm run ship-edge -- FOLDER`: an edge and nothing else, for an image or a machine without npm. Exit code 2 without a folder. */
function main(): void {
  const [target] = process.argv.slice(2);
  if (target === undefined) {
    process.stderr.write('usage: npm run ship-edge -- FOLDER\n');
    process.exit(2);
  }
  const { files, packages } = fillEdgeFolder(findRoot(), path.resolve(target));
  const names = packages.map(({ name, version }) => `${name} ${version}`);
  process.stdout.write(`${files} files, ${packages.length} packages in ${path.resolve(target)}: ${names.join(', ')}\n`);
}

main();
