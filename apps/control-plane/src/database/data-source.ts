import { join } from 'node:path';
import { DataSource, type DataSourceOptions } from 'typeorm';

/**
 * Migrations of the whole control plane: `migrations/NNNN-noun.ts`, compiled beside `dist/apps`. The class carries
 * `name = '<noun>-<13 digits>'`, because TypeORM orders by those digits: core-0000000000001, lake-0000000000002, …
 */
const MIGRATIONS = join(__dirname, '..', '..', '..', '..', 'migrations', '[0-9]*-*.{ts,js}');

/** Options shared by Nest, migrations and tests. Entities are added by each module's `TypeOrmModule.forFeature`. */
export function dataSourceOptions(
  databaseUrl: string,
  poolSize = 12,
  startUpOptions?: string,
): DataSourceOptions & { type: 'postgres' } {
  return {
    type: 'postgres',
    url: databaseUrl,
    applicationName: 'adloop-control-plane',
    poolSize,
    synchronize: false,
    migrations: [MIGRATIONS],
    migrationsTransactionMode: 'each',
    extra: {
      statement_timeout: 60_000,
      connectionTimeoutMillis: 5_000,
      ...(startUpOptions && { options: startUpOptions }),
    },
    logging: false,
  };
}

/** A data source for migrations and tests: no entities, two connections. */
export function migrationDataSource(databaseUrl: string): DataSource {
  return new DataSource(dataSourceOptions(databaseUrl, 2));
}
