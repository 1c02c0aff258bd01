import 'reflect-metadata';
import { createServer, type Server } from 'node:http';
import { NestFactory } from '@nestjs/core';
import { Connection } from '@temporalio/client';
import { DataSource } from 'typeorm';
import { CONTROL_QUEUE } from '../../../workflows/workflow-ids';
import { ConfigError, ControlPlaneConfig } from './config';
import { migrated } from './database/migrate';
import { childLogger, NestLogger, setLogLevel } from './logger';
import { registerSearchAttributes } from './temporal/search-attribute-registration';
import { ensureStandingWorkflows } from './temporal/standing-workflows';
import { OrphanRounds } from './temporal/orphan-rounds.service';
import { TemporalClient } from './temporal/temporal-client';
import { WorkerActivities } from './temporal/worker-activities.service';
import { installRuntime, WorkerHost } from './temporal/worker-host';
import { WorkerModule } from './temporal/worker.module';

const log = childLogger('worker');
const POLL_MS = 500;

/** Temporal root: the same modules as `main.ts`, run by workflows instead of requests. */
async function main(): Promise<void> {
  const config = ControlPlaneConfig.read();
  setLogLevel(config.logLevel);
  const { worker } = config;
  installRuntime(worker.metricsPort === 0 ? null : `${config.host}:${worker.metricsPort}`);
  // Before the first connection: only then is there a role to take on.
  await retried('database', () => migrated(config.databaseUrl, POLL_MS));
  const context = await NestFactory.createApplicationContext(WorkerModule.of(config), {
    logger: new NestLogger(),
    abortOnError: false,
  });
  const dataSource = context.get(DataSource);
  await retried('search attributes', async () => {
    const connection = await Connection.connect({ address: config.temporalAddress });
    try {
      await registerSearchAttributes(connection, config.temporalNamespace);
    } finally {
      await connection.close();
    }
  });
  const activities = context.get(WorkerActivities);
  const host = await retried('worker', () =>
    WorkerHost.create({
      address: config.temporalAddress,
      namespace: config.temporalNamespace,
      stickyQueueMs: worker.stickyQueueMs,
      codeSha: config.codeSha === 'unknown' ? null : config.codeSha,
      versioning: worker.versioning,
      queues: worker.queues,
      control: activities.control(),
      training: activities.training(),
    }),
  );
  let health: Server | null = null;
  const stop = async (signal: string, code: number): Promise<void> => {
    log.info({ signal }, 'worker stops');
    health?.close();
    await host.stop();
    await context.close();
    process.exit(code);
  };
  host.start((error) => {
    log.fatal({ err: error }, 'a worker died');
    void stop('failure', 1);
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(signal, 0));
  // A container of one agent's learning starts nothing of the fleet's.
  if (worker.queues.includes(CONTROL_QUEUE)) {
    await retried('standing workflows', () =>
      ensureStandingWorkflows(context.get(TemporalClient).client, {
        fleet: config.fleet,
        cell: config.cell,
        metaTickSeconds: worker.metaTickSeconds,
        trainingWindowSeconds: worker.trainingWindowSeconds,
        fullWindowSeconds: worker.fullWindowSeconds,
      }),
    );
  }
  if (worker.healthPort !== 0) health = serveHealth(host, dataSource, worker.healthPort, config.host);
  context.get(OrphanRounds).start();
  log.info({ pid: process.pid, namespace: config.temporalNamespace }, 'worker ready');
}

/** Readiness: every worker polls and the database answers. */
function serveHealth(host: WorkerHost, dataSource: DataSource, port: number, address: string): Server {
  const server = createServer((_request, response) => {
    const answer = (isReady: boolean) =>
      response.writeHead(isReady ? 200 : 503).end(isReady ? 'ready\n' : 'not ready\n');
    if (!host.isRunning()) {
      answer(false);
      return;
    }
    dataSource.query('SELECT 1').then(
      () => answer(true),
      () => answer(false),
    );
  });
  return server.listen(port, address);
}

/** Temporal may start after us: try until it answers, saying so once. */
async function retried<T>(what: string, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= 240) throw error;
      if (attempt === 1 || attempt % 20 === 0) log.warn({ what, error: String(error) }, 'not yet');
      await pause();
    }
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, POLL_MS));

main().catch((error: unknown) => {
  if (error instanceof ConfigError) process.stderr.write(`${error.message}\n`);
  else log.fatal({ err: error }, 'worker stops');
  process.exitCode = 1;
  setImmediate(() => process.exit(1));
});
