#!/usr/bin/env node
'use strict';

// Every npm script goes through here: it runs on whatever Node the host has (>= 20.19), installs what the lockfile says,
// builds what changed, and hands over to the locked Node 26. Its own output goes to stderr only, so that a program's
// stdout stays its own (`npm run --silent evaluate -- … --json`).

const { spawn } = require('node:child_process');
const { existsSync } = require('node:fs');
const path = require('node:path');
const { ensureInstalled } = require('./run/install.cjs');
const { ensureBuilt } = require('./run/build.cjs');
const { say } = require('./run/say.cjs');

const ROOT = path.dirname(__dirname);
const LOCKED_MAJOR = 24;

/** verb -> what runs. `built` says whether the program lives in dist/ and so needs a build first. */
const VERBS = {
  start: { built: true, args: ['dist/scripts/start.js'] },
  test: { built: true, args: ['dist/scripts/test.js'] },
  'test:long': { built: true, args: ['dist/scripts/test-long.js'] },
  story: { built: true, args: ['dist/scripts/story.js'] },
  evaluate: { built: true, args: ['dist/scripts/evaluate.js'] },
  simulate: { built: true, args: ['dist/scripts/simulate.js'] },
  bench: { built: true, args: ['dist/bench/run.js'] },
  drill: { built: true, args: ['dist/scripts/drills/run.js'] },
  edge: { built: true, args: ['--min-semi-space-size=16', 'dist/apps/bidder-edge/src/main.js'] },
  'ship-edge': { built: true, args: ['dist/scripts/ship-edge.js'] },
  adloop: { built: true, args: ['dist/apps/cli/src/main.js'] },
  build: { built: true, args: ['--version'] },
  check: { built: false, args: ['scripts/run/check.cjs'] },
  jest: { built: false, args: ['node_modules/jest/bin/jest.js'] },
  lint: {
    built: false,
    args: ['node_modules/eslint/bin/eslint.js', '--cache', '--cache-location', '.tools/eslint', '.'],
  },
  format: { built: false, args: ['node_modules/prettier/bin/prettier.cjs', '--write', '--log-level', 'warn', '.'] },
  types: { built: false, args: ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json'] },
  arrows: {
    built: false,
    args: ['node_modules/dependency-cruiser/bin/dependency-cruise.mjs', '--config', '.dependency-cruiser.cjs', '.'],
  },
};

/** The locked Node, or the host's own where the platform has no locked one. */
function findNode() {
  const locked = path.join(ROOT, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(locked)) return locked;
  if (Number(process.versions.node.split('.')[0]) >= LOCKED_MAJOR) return process.execPath;
  throw new Error(
    `no Node ${LOCKED_MAJOR} or newer for ${process.platform}-${process.arch}: the lockfile brings one for Linux x64 and ` +
      `arm64 only (was npm run with --omit=optional?). Install Node >= ${LOCKED_MAJOR} and try again.`,
  );
}

/** Runs the program in the foreground, passes signals on, and ends as it ended. */
function handOver(node, args) {
  const bin = path.dirname(node);
  const child = spawn(node, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}`, ADLOOP_ROOT: ROOT },
  });
  // A terminal sends SIGINT to the whole foreground group, the child included; elsewhere we pass it on.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // npm killed with -9 must not leave the program behind.
  const parent = process.ppid;
  const watch = setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 1000);
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code, signal) => {
    clearInterval(watch);
    process.exit(signal ? 128 + (require('node:os').constants.signals[signal] ?? 1) : code);
  });
}

function fail(message) {
  say(message);
  if (process.argv[2] === 'test') process.stdout.write('0 passed, 1 failed\n');
  process.exit(1);
}

function main() {
  const verb = VERBS[process.argv[2]];
  if (!verb) return fail(`usage: node scripts/run.cjs <${Object.keys(VERBS).join('|')}> [arguments]`);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    return fail(`Node ${process.versions.node} is too old: install 20.19 or newer`);
  try {
    ensureInstalled(ROOT);
    const node = findNode();
    if (verb.built) ensureBuilt(ROOT, node);
    if (verb === VERBS.build) return undefined;
    return handOver(node, ['--enable-source-maps', ...verb.args, ...process.argv.slice(3)]);
  } catch (error) {
    return fail(error.message);
  }
}

main();
