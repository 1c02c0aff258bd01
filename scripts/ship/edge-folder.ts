import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { requiredFiles } from './required-files';
import { requiredPackages, type InstalledPackage } from './required-packages';

const ENTRY = 'dist/apps/bidder-edge/src/main.js';
const SHIPPED = 'dist/apps/bidder-edge/shipped';

interface RootManifest {
  version: string;
  license: string;
  imports: Record<string, { default: string }>;
}

/** What went into an edge's folder. */
export interface EdgeFolder {
  files: number;
  packages: InstalledPackage[];
}

/**
 * Fills an empty folder with an edge and nothing else: its compiled files, the packages they need in the lockfile's versions, the
 * locked Node, and the shipped snapshot. It runs by `bin/node dist/apps/bidder-edge/src/main.js`, from anywhere, without being written to.
 * @throws Error when the folder is not empty or dist/ is not built
 */
export function fillEdgeFolder(root: string, target: string): EdgeFolder {
  if (existsSync(target) && readdirSync(target).length > 0) throw new Error(`${target} is not empty`);
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as RootManifest;
  const { files, packages: names } = requiredFiles(root, ENTRY, manifest.imports);
  const packages = requiredPackages(root, names);
  const copy = (from: string, to = from): void =>
    cpSync(path.join(root, from), path.join(target, to), { recursive: true, filter: isOfThisPlatform });
  mkdirSync(target, { recursive: true });
  for (const file of files) copy(file);
  for (const { folder } of packages) copyPackage(root, target, folder);
  copy(SHIPPED);
  copy(`node_modules/node-${process.platform}-${process.arch}/bin/node`, 'bin/node');
  copy('LICENSE');
  writeFileSync(
    path.join(target, 'package.json'),
    JSON.stringify(ownManifest(manifest, files, names, packages), null, 2),
  );
  return { files: files.length, packages };
}

/** A package without the packages inside it: those that are needed come by their own name. */
function copyPackage(root: string, target: string, folder: string): void {
  const inner = path.join(root, folder, 'node_modules');
  cpSync(path.join(root, folder), path.join(target, folder), {
    recursive: true,
    filter: (source) => source !== inner && isOfThisPlatform(source),
  });
}

/** The ONNX runtime brings every platform's libraries in one package, some 200 MB of them of no use here. */
function isOfThisPlatform(source: string): boolean {
  const [, platform, arch] = /onnxruntime-node\/bin\/napi-v\d+\/([^/]+)(?:\/([^/]+))?/.exec(source) ?? [];
  if (platform === undefined) return true;
  return platform === process.platform && (arch === undefined || arch === process.arch);
}

function ownManifest(
  { version, license, imports }: RootManifest,
  files: readonly string[],
  names: readonly string[],
  packages: readonly InstalledPackage[],
): object {
  const shipped = new Set(files.map((file) => `./${file}`));
  const used = Object.entries(imports).filter(([name, { default: file }]) => name.includes('*') || shipped.has(file));
  const dependencies = packages.filter(({ name, folder }) => names.includes(name) && folder === `node_modules/${name}`);
  return {
    name: 'adloop-edge',
    version,
    private: true,
    license,
    type: 'commonjs',
    imports: Object.fromEntries(used.map(([name, { default: file }]) => [name, file])),
    dependencies: Object.fromEntries(dependencies.map(({ name, version: exact }) => [name, exact])),
  };
}
