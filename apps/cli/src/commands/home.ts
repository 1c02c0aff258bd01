import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { create, extract } from 'tar';
import type { CliConfig } from '../config';
import { CliError, EXIT } from '../exit-code';
import { contextOf } from './command-context';
import { isAlive } from './doctor';

/** What a backup holds besides the home: the Postgres folder lives elsewhere when the stack runs as root. */
interface HomeConfig {
  version: number;
  postgresDir: string;
}

/** `adloop backup|restore|reset`: act on ADLOOP_HOME while the stack is stopped. */
export function addHomeCommands(program: Command): void {
  program
    .command('backup <file>')
    .description('write ADLOOP_HOME (database, workflows, lake, models, keys) into one .tar.gz; stop the stack first')
    .action(async (file: string, _options: unknown, command: Command) => {
      const { config } = contextOf(command);
      requireStopped(config, 'backup');
      await backup(config.home, resolve(file));
      console.log(`Wrote ${resolve(file)}. It holds private keys: keep it where they may be kept.`);
    });
  program
    .command('restore <file>')
    .description('replace ADLOOP_HOME by a backup; stop the stack first')
    .option('--force', 'replace a home that exists')
    .action(async (file: string, options: { force?: boolean }, command: Command) => {
      const { config } = contextOf(command);
      requireStopped(config, 'restore');
      await restore(config.home, resolve(file), options.force ?? false);
      console.log(`Restored ${config.home}. Start it with \`npm start\`.`);
    });
  program
    .command('reset')
    .description('remove ADLOOP_HOME: database, workflows, lake, models and keys')
    .option('--yes', 'do not ask')
    .action((options: { yes?: boolean }, command: Command) => {
      const { config } = contextOf(command);
      requireStopped(config, 'reset');
      if (!options.yes) {
        throw new CliError('NOT_CONFIRMED', `This removes ${config.home} for ever.`, EXIT.usage, 'adloop reset --yes');
      }
      removeHome(config.home);
      console.log(`Removed ${config.home}.`);
    });
}

function requireStopped(config: CliConfig, verb: string): void {
  if (config.stack && isAlive(config.stack.supervisorPid)) {
    throw new CliError(
      'STACK_RUNNING',
      `A stack (pid ${config.stack.supervisorPid}) runs in ${config.home}; ${verb} needs it stopped.`,
      EXIT.conflict,
      'Stop it with Ctrl-C in its terminal, then try again.',
    );
  }
}

function readHomeConfig(home: string): HomeConfig {
  const path = join(home, 'config.json');
  if (!existsSync(path)) {
    throw new CliError(
      'NO_HOME',
      `${home} is no Adloop home: it has no config.json.`,
      EXIT.notFound,
      'Set ADLOOP_HOME.',
    );
  }
  return JSON.parse(readFileSync(path, 'utf8')) as HomeConfig;
}

const isInside = (path: string, dir: string) => resolve(path).startsWith(`${resolve(dir)}/`);

/** Two archives in one file would need two passes; the database folder is stored beside the home under a fixed name. */
async function backup(home: string, file: string): Promise<void> {
  const { postgresDir } = readHomeConfig(home);
  mkdirSync(dirname(file), { recursive: true });
  const outside = !isInside(postgresDir, home) && existsSync(postgresDir);
  const entries = [basename(home)];
  if (!outside) return create({ gzip: true, file, cwd: dirname(home), portable: false }, entries);
  // An absolute `-C`-like switch is not offered by the library, so the outside folder is archived beside its home.
  await create({ gzip: true, file: `${file}.postgres`, cwd: dirname(postgresDir) }, [basename(postgresDir)]);
  await create({ gzip: true, file, cwd: dirname(home) }, entries);
  console.log(`Wrote ${file}.postgres (the database lives outside the home when the stack runs as root).`);
}

/** Unpacks beside the home and changes places at the end, so that a broken backup leaves the old home as it was. */
async function restore(home: string, file: string, force: boolean): Promise<void> {
  if (!existsSync(file)) throw new CliError('NO_BACKUP', `${file} does not exist.`, EXIT.notFound);
  if (existsSync(home) && !force) {
    throw new CliError(
      'HOME_EXISTS',
      `${home} exists.`,
      EXIT.conflict,
      'Add --force to replace it, or set ADLOOP_HOME.',
    );
  }
  // Not a closed temporary folder: the uid that runs Postgres must pass through a home.
  const draft = `${home}.restore-${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    await extract({ file, cwd: draft, strip: 1, preserveOwner: process.getuid?.() === 0 });
    const config = readHomeConfig(draft);
    const isInside = existsSync(join(draft, 'postgres'));
    if (!isInside && !existsSync(`${file}.postgres`)) {
      throw new CliError(
        'BACKUP_INCOMPLETE',
        `${file}.postgres is missing.`,
        EXIT.notFound,
        'Put both files side by side.',
      );
    }
    const postgresDir = isInside ? join(home, 'postgres') : newDatabaseFolder(config);
    if (!isInside) await extract({ file: `${file}.postgres`, cwd: postgresDir, strip: 1, preserveOwner: true });
    writeFileSync(join(draft, 'config.json'), `${JSON.stringify({ ...config, postgresDir }, null, 2)}\n`);
    removeHome(home);
    renameSync(draft, home);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/**
 * A folder of its own for a database that cannot live in its home. Never the one that the backup names: the home that was backed
 * up may still be there, and its server may run.
 */
function newDatabaseFolder({ postgresDir }: HomeConfig): string {
  const parent = dirname(dirname(postgresDir));
  mkdirSync(parent, { recursive: true });
  const outer = mkdtempSync(join(parent, 'home-'));
  // The uid that runs Postgres must pass through; the data folder itself is closed.
  chmodSync(outer, 0o755);
  const folder = join(outer, basename(postgresDir));
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

function removeHome(home: string): void {
  if (!existsSync(home)) return;
  const { postgresDir } = readHomeConfig(home);
  if (!isInside(postgresDir, home)) {
    rmSync(postgresDir, { recursive: true, force: true });
    // Set-up gave it a folder of its own; anything else that somebody put there stays.
    const outer = dirname(postgresDir);
    if (existsSync(outer) && readdirSync(outer).length === 0) rmdirSync(outer);
  }
  rmSync(home, { recursive: true, force: true });
}
