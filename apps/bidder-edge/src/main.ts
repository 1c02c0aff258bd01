#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { ConfigError, readConfig, redacted, type EdgeConfig } from './config';
import { Edge } from './edge';
import { HomeInUse } from './home-lock';
import { createLogger } from './log';
import { SnapshotRefusal } from './snapshot';

// What a request makes dies with it. Pretenuring takes some of it for long-lived under load, puts it among the old, and all that it points
// to stays until the next full collection: five times as much to copy, and pauses to match.
setFlagsFromString('--no-allocation-site-pretenuring');

/** Exit codes: 0 stopped in order, 1 could not start, 2 wrong configuration. */
async function main(): Promise<void> {
  let config: EdgeConfig;
  try {
    config = readConfig(process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
  const log = createLogger(config.logLevel, config.edgeId);
  log.debug(redacted(config), 'configuration');
  try {
    const edge = new Edge(config, log);
    let isStopping = false;
    const stop = (signal: string): void => {
      // A terminal and npm may both deliver the same Ctrl-C: the second one must not cut the drain short.
      if (isStopping) return;
      isStopping = true;
      log.info({ signal }, 'shutting down');
      edge.stop().then(
        () => process.exit(0),
        (error: unknown) => {
          log.error({ err: error }, 'shutdown failed');
          process.exit(1);
        },
      );
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    await edge.start();
  } catch (error) {
    const isPort = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const { port } = error as { port?: number };
    const other = port === config.adminPort ? 'EDGE_ADMIN_PORT' : '--port or EDGE_PORT';
    const reason = isPort ? `port ${port} is in use: choose another with ${other}` : (error as Error).message;
    if (isPort || error instanceof SnapshotRefusal || error instanceof HomeInUse)
      process.stderr.write(`the edge cannot start: ${reason}\n`);
    else log.error({ err: error }, 'the edge cannot start');
    process.exit(1);
  }
}

void main();
