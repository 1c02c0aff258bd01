import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { waitFor } from '../fixtures/edge-process';
import { EdgeScene } from '../fixtures/edge-scene';
import { ask, bannerRequest, grantsFor } from '../fixtures/edge-traffic';
import { HttpLoad, quantile } from '../fixtures/http-load';
import { largeSnapshot } from '../fixtures/large-snapshot';
import { figure } from '../long/figure';

const CAMPAIGNS = 10_000;
const CREATIVES_EACH = 3;
const PER_SECOND = 100;
/** The longest bundle that an edge reads, bytes (`pull-snapshots.ts`). */
const LIMIT_BYTES = 32 << 20;

/** Case 2, the other half: a snapshot a thousand times the demo's that is good, while the edge is asked. */
/** Memory of a process, as Linux counts it. */
const residentMegabytes = (pid: number): number =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);

describe('an edge that is given ten thousand campaigns', () => {
  let scene: EdgeScene;
  let load: HttpLoad | null = null;

  beforeAll(async () => {
    scene = await EdgeScene.open('edge-large', { snapshot: demoSnapshot({ version: 1, snapshotId: 'snap-1' }) });
  });
  afterAll(async () => {
    load?.close();
    await scene.close();
  });

  const served = (): number | undefined => scene.control.heartbeats.at(-1)?.snapshotVersion ?? undefined;

  it('loads, swaps and acknowledges it, answers everything meanwhile, and has it after a restart', async () => {
    const { control, edge, keys } = scene;
    const large = largeSnapshot(CAMPAIGNS, CREATIVES_EACH, { version: 2, snapshotId: 'snap-2' });
    const body = keys.signed(JSON.stringify(large));
    expect(body.length).toBeGreaterThan(0.6 * LIMIT_BYTES);
    expect(body.length).toBeLessThan(LIMIT_BYTES);
    load = new HttpLoad(edge.url, 64);
    const loading = load.openLoop(PER_SECOND, 20);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const publishedMs = performance.now();
    control.publish(large, body);
    await waitFor(() => served() === 2, 30_000);
    const acknowledgedMs = Math.round(performance.now() - publishedMs);
    const { result } = load;
    const before = result.bids;
    await loading;
    const { sent, bids, noBids, odd, resets, refused, latencyMs } = result;
    figure('large snapshot', {
      ...{
        campaigns: large.campaigns.length,
        creatives: large.creatives.length,
        megabytes: Math.round(body.length / 1e6),
      },
      ...{ acknowledgedMs, requestsPerSecond: PER_SECOND, sent, bids },
      ...{ p50Ms: Math.round(quantile(latencyMs, 0.5)), slowestMs: Math.round(Math.max(...latencyMs)) },
      residentMegabytes: residentMegabytes(edge.pid),
    });
    expect([odd, resets, refused]).toEqual([0, 0, 0]);
    expect(bids + noBids).toBe(sent);
    expect(bids).toBeGreaterThan(before);
    expect(await edge.metric('adloop_edge_internal_errors_total')).toBe(0);
    await edge.end('SIGKILL');
    control.publish(demoSnapshot({ version: 1, snapshotId: 'snap-1' }));
    // What the dead process had is held back for the bids that it may have made.
    control.grants = grantsFor(demoSnapshot({ version: 2 }), 1e12);
    const startMs = await edge.start();
    figure('large snapshot, cold start', { startMs });
    await waitFor(async () => (await edge.metric('adloop_edge_snapshot_version')) === 2);
    await waitFor(async () => (await ask(edge.url, bannerRequest('after'))) !== null);
  });
});
