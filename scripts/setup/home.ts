import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { postgresFolder } from './postgres-owner';

/** Layout of ADLOOP_HOME. All paths are absolute. */
export interface Home {
  root: string;
  keys: string;
  /** Outside of `root` only where the uid that runs Postgres cannot reach `root` (config.json says where). */
  postgres: string;
  postgresPassword: string;
  temporalDb: string;
  lake: string;
  artifacts: string;
  logs: string;
  run: string;
  stackFile: string;
  edge(edgeId: string): string;
}

interface HomeConfig {
  version: 1;
  postgresDir: string;
  createdAt: string;
}

function readConfig(file: string, root: string): HomeConfig {
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as HomeConfig;
  const config: HomeConfig = { version: 1, postgresDir: postgresFolder(root), createdAt: new Date().toISOString() };
  writeFileSync(file, JSON.stringify(config, null, 2) + '\n');
  return config;
}

/** Opens ADLOOP_HOME, making what is missing. */
export function openHome(root: string): Home {
  mkdirSync(root, { recursive: true });
  const config = readConfig(path.join(root, 'config.json'), root);
  const folder = (name: string): string => {
    const full = path.join(root, name);
    mkdirSync(full, { recursive: true });
    return full;
  };
  const run = folder('run');
  return {
    root,
    keys: folder('keys'),
    postgres: config.postgresDir,
    postgresPassword: path.join(root, 'keys', 'postgres.password'),
    temporalDb: path.join(root, 'temporal.db'),
    lake: folder('lake'),
    artifacts: folder('artifacts'),
    logs: folder('logs'),
    run,
    stackFile: path.join(run, 'stack.json'),
    edge: (edgeId) => folder(path.join('edge', edgeId)),
  };
}
