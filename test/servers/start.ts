import path from 'node:path';
import { SEARCH_ATTRIBUTE_NAMES } from '../../workflows/search-attributes';
import {
  findTemporal,
  freePorts,
  readEnvironment,
  startPostgres,
  startTemporal,
  Supervisor,
  temporaryFolder,
} from '../../scripts/setup';

declare global {
  // Jest's global set-up and tear-down share nothing else.
  var adloopServers: { supervisor: Supervisor; folder: string } | undefined;
}

/** One Postgres and one Temporal server (in memory) for the whole integration rung; `servers.ts` hands them out. */
export default async function start(): Promise<void> {
  const environment = readEnvironment();
  const folder = temporaryFolder('servers');
  const supervisor = new Supervisor(path.join(folder, 'logs'));
  globalThis.adloopServers = { supervisor, folder };
  const [postgresPort, temporalPort] = (await freePorts(2)) as [number, number];
  const binary = await findTemporal(environment, (line) => process.stderr.write(`adloop: ${line}\n`));
  process.env.ADLOOP_TEST_POSTGRES = await startPostgres(supervisor, {
    folder: path.join(folder, 'postgres'),
    passwordFile: path.join(folder, 'postgres.password'),
    port: postgresPort,
    database: 'adloop',
    durable: false,
  });
  process.env.ADLOOP_TEST_TEMPORAL = await startTemporal(supervisor, {
    binary,
    port: temporalPort,
    uiPort: null,
    databaseFile: null,
    namespace: 'default',
    searchAttributes: Object.fromEntries(SEARCH_ATTRIBUTE_NAMES.map((name) => [name, 'Keyword' as const])),
    env: environment.inherited,
  });
}
