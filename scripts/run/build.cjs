'use strict';

const { spawnSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { withLock } = require('./lock.cjs');
const { say } = require('./say.cjs');

const SOURCES = ['apps', 'workflows', 'activities', 'domain', 'scripts', 'migrations', 'bench'];
const CONFIGS = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];

function* walk(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(file);
    else if (entry.isFile()) yield file;
  }
}

const isTest = (file) => file.endsWith('.test.ts');
const isTypeScript = (file) => file.endsWith('.ts') && !file.endsWith('.d.ts');

/** Every file that the build reads, relative to the root, in a fixed order. */
function inputs(root) {
  const files = [...CONFIGS];
  for (const folder of SOURCES) {
    const full = path.join(root, folder);
    if (fs.existsSync(full)) for (const file of walk(full)) if (!isTest(file)) files.push(path.relative(root, file));
  }
  return files.sort();
}

/** Name, size and time of change of every input: cheap, and enough to notice an edit. */
function fingerprint(root, files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const { size, mtimeMs } = fs.statSync(path.join(root, file));
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** Pages, styles and shipped artifacts lie beside the code that reads them, in dist/ too. */
function copyAssets(root, files) {
  for (const file of files) {
    if (isTypeScript(file) || CONFIGS.includes(file) || file.endsWith('.cjs')) continue;
    const target = path.join(root, 'dist', file);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.copyFileSync(path.join(root, file), target);
  }
}

/** A deleted source must not live on in dist/ (an old migration would still run). */
function dropStale(root, files) {
  const kept = new Set(files.map((file) => (isTypeScript(file) ? file.slice(0, -3) : file)));
  const dist = path.join(root, 'dist');
  for (const file of walk(dist)) {
    const relative = path.relative(dist, file);
    if (relative.startsWith('.')) continue;
    const source = relative.replace(/(\.js|\.js\.map|\.d\.ts)$/, '');
    if (!kept.has(source) && !kept.has(relative)) fs.rmSync(file);
  }
}

/** Compiles into dist/ when a source changed since the last build. */
exports.ensureBuilt = (root, node) => {
  const stamp = path.join(root, 'dist', '.sources');
  const fresh = () => fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === fingerprint(root, inputs(root));
  if (fresh()) return;
  withLock(root, 'build', () => {
    if (fresh()) return;
    const files = inputs(root);
    const print = fingerprint(root, files);
    say('building what changed');
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const result = spawnSync(node, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: ['ignore', 2, 2] });
    // ADLOOP_ALLOW_TYPE_ERRORS lets a developer run a tree that does not type-check yet.
    if (result.status !== 0 && !process.env.ADLOOP_ALLOW_TYPE_ERRORS)
      throw new Error('the build failed; tsc says why above');
    copyAssets(root, files);
    dropStale(root, files);
    if (result.status === 0) fs.writeFileSync(stamp, print);
  });
};
