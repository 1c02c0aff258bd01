import 'reflect-metadata';
import { createApplication, startDuties } from './application';
import { ConfigError, ControlPlaneConfig } from './config';
import { migrate } from './database/migrate';
import { childLogger, setLogLevel } from './logger';

/** HTTP root: reads the environment, migrates, seeds a fresh database, listens. The Temporal root is `worker.ts`. */
async function main(): Promise<void> {
  const config = ControlPlaneConfig.read();
  setLogLevel(config.logLevel);
  const log = childLogger('main');
  log.info({ config: config.redacted() }, 'starting');
  const migrations = await migrate(config.databaseOwnerUrl);
  if (migrations.length > 0) log.info({ migrated: migrations }, 'database migrated');
  const { app } = await createApplication(config);
  app.enableShutdownHooks();
  await startDuties(app);
  await app.listen(config.port, config.host);
  log.info({ url: await app.getUrl() }, 'control plane listens');
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) process.stderr.write(`${error.message}\n`);
  else childLogger('main').fatal({ err: error }, 'control plane stops');
  process.exit(1);
});
