import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module';
import type { ControlPlaneConfig } from './config';
import { NestLogger } from './logger';

/**
 * The HTTP application, not yet listening: what `main.ts` serves and tests drive by `inject`. The database must be migrated.
 */
export async function createApplication(config: ControlPlaneConfig): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.of(config), new FastifyAdapter(), {
    logger: new NestLogger(),
    abortOnError: false,
  });
  return app;
}
