import type { DataSource } from 'typeorm';
import { grantApplicationRights } from './application-role';
import { migrationDataSource } from './data-source';

/** Key of the advisory lock that lets one process at a time migrate: 'adlo' in ASCII. */
const MIGRATION_LOCK = 0x61646c6f;

/**
 * Brings the database to this version's schema under an advisory lock; processes that start together wait for each other. Runs as
 * the owner, and leaves the application's role with the rights it needs and no others.
 * @returns names of the migrations that ran now.
 * @throws when the database cannot be reached or a migration fails (that one is rolled back).
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const source = await migrationDataSource(databaseUrl).initialize();
  const lock = source.createQueryRunner();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    const done = await source.runMigrations();
    await grantApplicationRights(source);
    return done.map((migration) => migration.name);
  } finally {
    await lock.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).finally(() => lock.release());
    await source.destroy();
  }
}

/** Whether every migration known to this build has run: readiness, and what the worker waits for. */
export async function isMigrated(source: DataSource): Promise<boolean> {
  return !(await source.showMigrations());
}

/** Waits for the process that migrates. @throws when the database does not answer. */
export async function migrated(databaseUrl: string, pollMs: number): Promise<void> {
  const source = await migrationDataSource(databaseUrl).initialize();
  try {
    while (!(await isMigrated(source))) await new Promise((resolve) => setTimeout(resolve, pollMs));
  } finally {
    await source.destroy();
  }
}
