import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { ZodSerializerInterceptor, ZodValidationPipe } from 'nestjs-zod';
import { Reflector } from '@nestjs/core';
import { AppModule } from './app.module';
import type { ControlPlaneConfig } from './config';
import { SnapshotPublisher } from './edges/snapshot-publisher.service';
import { SnapshotRefresh } from './edges/snapshot-refresh';
import { ControlPlaneMetrics } from './health/control-plane-metrics';
import { NestLogger } from './logger';
import { serveOpenApi } from './openapi';
import { ProblemFilter } from './problems/problem.filter';
import { RouteIndex } from './route-index';
import { ShippedSeed } from './shipped/shipped-seed';

/** Largest JSON body: 1,000 decisions for a replay are the largest legal ones. */
const BODY_LIMIT_BYTES = 8 << 20;

/** What an answer may load; one that needs another policy sets its own. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'";

export interface Application {
  app: NestFastifyApplication;
  routes: RouteIndex;
}

/** The HTTP application, initialised but not listening: what `main.ts` serves and tests drive by `inject`. Needs a migrated database. */
export async function createApplication(config: ControlPlaneConfig): Promise<Application> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    // Long polls end after 25 s; a client that sends a request more slowly than this is cut off.
    requestTimeout: 30_000,
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 300 },
    genReqId: undefined,
  });
  const routes = new RouteIndex();
  const fastify = adapter.getInstance<FastifyInstance>();
  routes.collectFrom(fastify);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.of(config, 'http'), adapter, {
    logger: new NestLogger(),
    abortOnError: false,
  });
  answerHeaders(fastify, app.get(ControlPlaneMetrics));
  app.useGlobalFilters(new ProblemFilter(routes));
  app.useGlobalPipes(new ZodValidationPipe());
  app.useGlobalInterceptors(new ZodSerializerInterceptor(app.get(Reflector)));
  serveOpenApi(app);
  await app.init();
  await fastify.ready();
  return { app, routes };
}

/** What the HTTP root does beside answering: seeds a fresh database, publishes, keeps snapshots fresh. */
export async function startDuties(app: NestFastifyApplication): Promise<void> {
  await app.get(ShippedSeed).seed();
  await app.get(SnapshotPublisher).publishChange('control plane started');
  app.get(SnapshotRefresh).start();
}

/** Security headers and the request id on every answer, and its time in the histogram. */
function answerHeaders(fastify: FastifyInstance, metrics: ControlPlaneMetrics): void {
  fastify.addHook('onSend', async (request, reply) => {
    void reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'content-security-policy': reply.getHeader('content-security-policy') ?? PAGE_POLICY,
    });
    if (reply.getHeader('cache-control') === undefined) void reply.header('cache-control', 'no-store');
  });
  fastify.addHook('onResponse', async (request, reply) => {
    metrics.observe(request.method, request.routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime / 1000);
  });
}
