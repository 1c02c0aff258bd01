import path from 'node:path';
import { findRoot } from './root';

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
  ports: { controlPlane: number; edge: number; temporal: number; temporalUi: number; postgres: number };
  /** What a child process inherits. */
  inherited: NodeJS.ProcessEnv;
}

const port = (value: string | undefined, fallback: number): number => (value ? Number(value) : fallback);

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
      controlPlane: port(env.ADLOOP_PORT, 8080),
      edge: port(env.ADLOOP_EDGE_PORT, 8081),
      temporal: port(env.ADLOOP_TEMPORAL_PORT, 7233),
      temporalUi: port(env.ADLOOP_TEMPORAL_UI_PORT, 8233),
      postgres: port(env.ADLOOP_POSTGRES_PORT, 54329),
    },
    inherited: env,
  };
}
