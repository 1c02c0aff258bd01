import path from 'node:path';
import { findRoot } from './root';
import { SetupError } from './setup-error';

/** What the set-up reads from the environment; nothing else under scripts/ reads `process.env`. */
export interface SetupEnvironment {
  root: string;
  /** ADLOOP_HOME: everything Adloop keeps on this machine. */
  home: string;
  /** Downloads that a clone may share with the next one (ADLOOP_TOOLS; default .tools in the clone). */
  tools: string;
  /** DATABASE_URL: use this Postgres rather than the embedded one. */
  databaseUrl: string | null;
  /** TEMPORAL_ADDRESS: use this running cluster rather than start a server. */
  temporalAddress: string | null;
  temporalNamespace: string;
  requireRtblint: boolean;
  requireData: boolean;
  /** Ports of `npm start`. */
  ports: Record<'controlPlane' | 'edge' | 'edgeAdmin' | 'temporal' | 'temporalUi' | 'postgres', WantedPort>;
  /** What a child process inherits. */
  inherited: NodeJS.ProcessEnv;
}

/** A port of `npm start`: asked for by a variable (then it must be free), or a default (then another one will do). */
export interface WantedPort {
  what: string;
  variable: string;
  port: number;
  explicit: boolean;
}

function wantedPort(env: NodeJS.ProcessEnv, what: string, variable: string, fallback: number): WantedPort {
  const value = env[variable];
  if (!value) return { what, variable, port: fallback, explicit: false };
  const port = Number(value);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new SetupError(`${variable}=${value} is not a port`);
  return { what, variable, port, explicit: true };
}

/** Reads the environment once; relative paths count from the repository's root. */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): SetupEnvironment {
  const root = findRoot();
  return {
    root,
    home: path.resolve(root, env.ADLOOP_HOME || '.adloop'),
    tools: path.resolve(root, env.ADLOOP_TOOLS || '.tools'),
    databaseUrl: env.DATABASE_URL || null,
    temporalAddress: env.TEMPORAL_ADDRESS || null,
    temporalNamespace: env.TEMPORAL_NAMESPACE || 'default',
    requireRtblint: env.ADLOOP_REQUIRE_RTBLINT === '1',
    requireData: env.ADLOOP_REQUIRE_DATA === '1',
    ports: {
      controlPlane: wantedPort(env, 'control plane', 'ADLOOP_PORT', 7070),
      edge: wantedPort(env, 'edge', 'ADLOOP_EDGE_PORT', 7080),
      edgeAdmin: wantedPort(env, "edge's admin port", 'ADLOOP_EDGE_ADMIN_PORT', 7090),
      temporal: wantedPort(env, 'Temporal', 'ADLOOP_TEMPORAL_PORT', 7233),
      temporalUi: wantedPort(env, 'Temporal UI', 'ADLOOP_TEMPORAL_UI_PORT', 8233),
      postgres: wantedPort(env, 'Postgres', 'ADLOOP_POSTGRES_PORT', 7432),
    },
    inherited: env,
  };
}
