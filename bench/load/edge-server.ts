import path from 'node:path';
import { findRoot } from '../../scripts/setup';
import { EDGE_NODE_FLAGS } from '../../scripts/stack';
import type { LoadPlan, LoadResult } from './generator';
import { GENERATOR_CORE, SERVER_CORE, spawnOnCore, startServer, type BenchServer } from './server-process';

/** The edge as it is shipped: models, caps, pacing, leases, signed notices and durable records all on. */
export function startEdge(
  home: string,
  port: number,
  env: NodeJS.ProcessEnv = {},
  core: number | null = SERVER_CORE,
): Promise<BenchServer> {
  const main = path.join(__dirname, '..', '..', 'apps', 'bidder-edge', 'src', 'main.js');
  const args = [...EDGE_NODE_FLAGS, main, '--snapshot', 'shipped', '--port', String(port), '--home', home];
  const settings = {
    LOG_LEVEL: 'warn',
    // No exchange answers with notices here: budget and caps must come back by time, or the lease would be the limit.
    EDGE_RESERVATION_TTL_MS: '1000',
    EDGE_MAX_RESERVATIONS: '1000000',
    SHIPPED_DIR: path.join(findRoot(), 'apps', 'bidder-edge', 'shipped'),
    ...env,
  };
  return startServer('edge', port, '/openrtb2/demo', args, settings, core);
}

/** One load from a process of its own. */
export function generate(plan: LoadPlan, core: number | null = GENERATOR_CORE): Promise<LoadResult> {
  const child = spawnOnCore(core, [path.join(__dirname, 'generator.js'), JSON.stringify(plan)]);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      if (code === 0) resolve(JSON.parse(output) as LoadResult);
      else reject(new Error(`the load generator ended with code ${code}`));
    });
  });
}
