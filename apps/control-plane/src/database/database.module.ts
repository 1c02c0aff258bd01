import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ControlPlaneConfig } from '../config';
import { dataSourceOptions } from './data-source';
import { DatabaseAccess } from './database-access';
import { DatabaseAccessModule } from './database-access.module';
import { PostgresNotifications } from './postgres-notifications';

/**
 * The one database. A module adds its tables by `TypeOrmModule.forFeature([Entity])` (loaded automatically) and a migration
 * file; inject `DataSource` (typeorm) for transactions, `PostgresNotifications` to hear NOTIFY of any process.
 */
@Module({
  imports: [
    DatabaseAccessModule,
    TypeOrmModule.forRootAsync({
      imports: [DatabaseAccessModule],
      inject: [ControlPlaneConfig, DatabaseAccess],
      useFactory: async (config: ControlPlaneConfig, database: DatabaseAccess) => ({
        ...(await database
          .access()
          .then(({ url, options }) => dataSourceOptions(url, config.databasePoolSize, options))),
        autoLoadEntities: true,
        retryAttempts: 10,
        retryDelay: 1_000,
      }),
    }),
  ],
  providers: [PostgresNotifications],
  exports: [PostgresNotifications, TypeOrmModule, DatabaseAccessModule],
})
export class DatabaseModule {}
