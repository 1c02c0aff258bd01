import { type DynamicModule, Global, Module } from '@nestjs/common';
import { ControlPlaneConfig } from './config';
import { DatabaseModule } from './database/database.module';

/** Makes the settings injectable everywhere. */
@Global()
@Module({})
class ConfigModule {
  static of(config: ControlPlaneConfig): DynamicModule {
    return {
      module: ConfigModule,
      providers: [{ provide: ControlPlaneConfig, useValue: config }],
      exports: [ControlPlaneConfig],
    };
  }
}

/**
 * The module tree of both roots, `main.ts` (HTTP) and `worker.ts` (Temporal): one module per station, in the order of the
 * loop. A module exports its services as plain classes; another one imports that module and injects the class.
 */
@Module({})
export class AppModule {
  static of(config: ControlPlaneConfig): DynamicModule {
    return { module: AppModule, imports: [ConfigModule.of(config), DatabaseModule] };
  }
}
