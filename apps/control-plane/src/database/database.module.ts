import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ControlPlaneConfig } from '../config';
import { dataSourceOptions } from './data-source';
import { PostgresNotifications } from './postgres-notifications';

/**
 * The one database. A module adds its tables by `TypeOrmModule.forFeature([Entity])` (loaded automatically) and a migration
 * file; inject `DataSource` (typeorm) for transactions, `PostgresNotifications` to hear NOTIFY of any process.
 */
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [ControlPlaneConfig],
      useFactory: (config: ControlPlaneConfig) => ({
        ...dataSourceOptions(config.databaseUrl, config.databasePoolSize),
        autoLoadEntities: true,
        retryAttempts: 10,
        retryDelay: 1_000,
      }),
    }),
  ],
  providers: [PostgresNotifications],
  exports: [PostgresNotifications, TypeOrmModule],
})
export class DatabaseModule {}
