import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CliError, EXIT } from './exit-code';

/** What a running stack writes into ADLOOP_HOME/run/stack.json. */
export interface RunningStack {
  supervisorPid: number;
  startedAt: string;
  urls: { controlPlane: string; postgres: string; edgeAdmins?: Record<string, string> };
  processes: { name: string; pid: number; port?: number }[];
}

export interface CliConfig {
  home: string;
  /** Base URL of the API; null when no stack runs and ADLOOP_API is not set. */
  apiUrl: string | null;
  stack: RunningStack | null;
  /** DATABASE_URL, for verbs that look past the API. */
  databaseUrl: string | null;
  explicitToken: string | null;
  /** Admin port of an edge outside of this home's stack. */
  edgeAdminUrl: string | null;
  noColor: boolean;
}

function readJson<T>(path: string): T | null {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : null;
}

/** Reads the environment once. Throws nothing: verbs that need the API or the home say so themselves. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): CliConfig {
  const home = resolve(env.ADLOOP_HOME ?? '.adloop');
  const stack = readJson<RunningStack>(join(home, 'run', 'stack.json'));
  return {
    home,
    apiUrl: env.ADLOOP_API ?? stack?.urls.controlPlane ?? null,
    stack,
    databaseUrl: env.DATABASE_URL || null,
    explicitToken: env.ADLOOP_TOKEN ?? null,
    edgeAdminUrl: env.ADLOOP_EDGE_ADMIN || null,
    noColor: env.NO_COLOR !== undefined,
  };
}

/** Token of a role or of a named person from the home's keys; ADLOOP_TOKEN wins. */
export function tokenFor(config: CliConfig, who: string): string {
  if (config.explicitToken) return config.explicitToken;
  const tokens = readJson<{ name: string; role: string; token: string }[]>(join(config.home, 'keys', 'tokens.json'));
  const entry = tokens?.find((t) => t.name === who) ?? tokens?.find((t) => t.role === who);
  if (!entry) {
    throw new CliError(
      'NO_TOKEN',
      `No API token for "${who}": ${join(config.home, 'keys', 'tokens.json')} has none.`,
      EXIT.denied,
      'Set ADLOOP_TOKEN, or run the stack once with `npm start`, which writes local tokens.',
    );
  }
  return entry.token;
}
