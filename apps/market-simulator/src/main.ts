import { readFileSync } from 'node:fs';
import { Pool } from 'undici';
import { Market, parseScenario, ScenarioError } from '#domain/market/index';
import { AcknowledgementLog } from './acknowledgements';
import { readConfig, UsageError, type SimulatorConfig } from './config';
import { startControlServer } from './control-server';
import { Notices } from './notices';
import { newStats } from './stats';
import { Traffic } from './traffic';

const DRAIN_MS = 10_000;
const CONNECTIONS = 32;

async function run(config: SimulatorConfig): Promise<void> {
  const scenario = parseScenario(JSON.parse(readFileSync(config.scenario, 'utf8')));
  const market = new Market(scenario, config.seed ?? scenario.seed, config.regime);
  const stats = newStats();
  const pools = config.edgeUrls.map(
    (url) => new Pool(url, { connections: CONNECTIONS, headersTimeout: 5000, bodyTimeout: 5000 }),
  );
  const log = new AcknowledgementLog(config.ackLog);
  const notices = new Notices(scenario, log, stats);
  const traffic = new Traffic(market, pools, notices, stats, config.requestsPerSecond ?? market.requestsPerSecond);
  const view = () => ({ ...stats, requestsPerSecond: traffic.requestsPerSecond, label: scenario.label });
  const drain = async () => {
    traffic.stop();
    for (let waited = 0; waited < DRAIN_MS && notices.underWay + traffic.underWay > 0; waited += 50) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    log.flush();
    return view();
  };
  const setRate = (requestsPerSecond: number) => {
    traffic.requestsPerSecond = requestsPerSecond;
  };
  const server =
    config.controlPort === null
      ? null
      : await startControlServer({ stats: view, setRate, drain }, config.controlPort, config.controlHost);
  traffic.start();
  console.log(
    `${scenario.name} (${scenario.label}): ${traffic.requestsPerSecond} requests/s to ${config.edgeUrls.join(', ')}`,
  );
  let isEnding = false;
  const end = async () => {
    if (isEnding) return;
    isEnding = true;
    const last = await drain();
    log.close();
    server?.close();
    server?.closeAllConnections();
    await Promise.all(pools.map((pool) => pool.destroy()));
    console.log(JSON.stringify(last));
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end());
  if (config.seconds > 0) setTimeout(() => void end(), config.seconds * 1000);
}

/** Usage and scenario faults are the caller's: one clear text and exit code 2. */
async function main(): Promise<void> {
  try {
    await run(readConfig(process.argv.slice(2)));
  } catch (error) {
    const isUsage = error instanceof UsageError || error instanceof ScenarioError;
    console.error(isUsage ? error.message : error);
    process.exit(isUsage ? 2 : 1);
  }
}

void main();
