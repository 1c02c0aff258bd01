import { randomBytes } from 'node:crypto';
import { createDatabase } from '../../scripts/setup';

// What the integration rung's global set-up started (start.ts): real servers, shared by all its files.

function started(variable: 'ADLOOP_TEST_POSTGRES' | 'ADLOOP_TEST_TEMPORAL'): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set: run this through the integration rung`);
  return value;
}

/** URL of an empty database of its own on the shared Postgres. */
export function freshDatabase(): Promise<string> {
  return createDatabase(started('ADLOOP_TEST_POSTGRES'), `t_${randomBytes(6).toString('hex')}`);
}

/** Address of the shared Temporal server, namespace `default`: use task queues and workflow ids of your own. */
export function temporalAddress(): string {
  return started('ADLOOP_TEST_TEMPORAL');
}
