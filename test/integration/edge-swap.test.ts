import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ArtifactRef, DecisionRecord, PolicySnapshot } from '#domain/contracts';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { waitFor } from '../fixtures/edge-process';
import { EdgeScene } from '../fixtures/edge-scene';
import { bannerRequest, grantsFor } from '../fixtures/edge-traffic';

const SWAPS = 12;
const SHIPPED = join(__dirname, '..', '..', 'apps', 'bidder-edge', 'shipped');
const { payload } = JSON.parse(readFileSync(join(SHIPPED, 'snapshot.json'), 'utf8')) as { payload: string };
const shippedBid = (JSON.parse(payload) as PolicySnapshot).champion.bid;
const artifact = shippedBid.artifact as ArtifactRef;
const model = readFileSync(join(SHIPPED, 'artifacts', `${artifact.sha256}.onnx`));

/** Campaigns and creatives of one parity have names of their own; every version has a model of its own name. */
const parityOf = (n: number): string => (n % 2 === 0 ? 'even' : 'odd');
function versionOf(n: number): PolicySnapshot {
  const snapshot = demoSnapshot({ version: n, snapshotId: `snap-${n}` });
  const renamed = (id: string): string => `${id}.${parityOf(n)}`;
  return {
    ...snapshot,
    // A model in every version: its run is the moment at which a swap could come between.
    champion: { ...snapshot.champion, bid: { ...shippedBid, modelVersionId: `bid-${n}` } },
    campaigns: snapshot.campaigns.map((campaign) => ({ ...campaign, campaignId: renamed(campaign.campaignId) })),
    creatives: snapshot.creatives.map((creative) => ({
      ...creative,
      campaignId: renamed(creative.campaignId),
      creativeId: renamed(creative.creativeId),
    })),
  };
}

interface Answer {
  seatbid?: { bid: { cid: string; crid: string }[] }[];
}

/** Case 12: snapshots are swapped while requests are in flight. */
describe('an edge whose snapshot is swapped under load', () => {
  let scene: EdgeScene;

  beforeAll(async () => {
    // The first one has no model, so that the edge need not fetch one before the control plane has it.
    scene = await EdgeScene.open('edge-swap', { snapshot: demoSnapshot({ version: 1, snapshotId: 'snap-1' }) });
    scene.control.artifacts.set(artifact.sha256, model);
    scene.control.grants.push(...grantsFor(versionOf(2), 1e12), ...grantsFor(versionOf(3), 1e12));
  });
  afterAll(() => scene.close());

  const imps = ['1', '2', '3'].map((id) => ({ id, banner: { w: 300, h: 250 } }));

  it('decides each request, all its impressions and its record by one version', async () => {
    const { control, edge } = scene;
    let isOver = false;
    const parities = new Set<string>();
    const client = async (worker: number): Promise<void> => {
      for (let n = 0; !isOver; n += 1) {
        const body = JSON.stringify(bannerRequest(`swap-${worker}-${n}`, { imp: imps }));
        const response = await fetch(`${edge.url}/openrtb2/demo`, { method: 'POST', body });
        expect([200, 204]).toContain(response.status);
        const text = await response.text();
        const bids = text === '' ? [] : ((JSON.parse(text) as Answer).seatbid ?? []).flatMap(({ bid }) => bid);
        const seen = new Set(bids.flatMap(({ cid, crid }) => [cid, crid]).map((id) => id.split('.')[1] ?? 'first'));
        expect(seen.size).toBeLessThanOrEqual(1);
        for (const parity of seen) parities.add(parity);
      }
    };
    const loading = Promise.all(Array.from({ length: 8 }, (_, worker) => client(worker)));
    for (let n = 2; n < 2 + SWAPS; n += 1) {
      control.publish(versionOf(n));
      await waitFor(() => edge.metric('adloop_edge_snapshot_version').then((version) => version === n));
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    isOver = true;
    await loading;
    expect([...parities].sort()).toEqual(expect.arrayContaining(['even', 'odd']));
    expect(await edge.metric('adloop_edge_internal_errors_total')).toBe(0);

    const byRequest = new Map<string, DecisionRecord[]>();
    const collect = (): number => {
      byRequest.clear();
      for (const record of scene.decisions()) {
        const { requestId } = record.inputs.request;
        byRequest.set(requestId, [...(byRequest.get(requestId) ?? []), record]);
      }
      return new Set(scene.decisions().map(({ inputs }) => inputs.snapshotId)).size;
    };
    await waitFor(() => collect() > SWAPS);
    for (const records of byRequest.values()) {
      expect(new Set(records.map(({ inputs }) => inputs.snapshotId)).size).toBe(1);
      for (const { inputs, outputs, modelVersions } of records) {
        const n = Number(inputs.snapshotId.slice('snap-'.length));
        if (n === 1) continue;
        expect(modelVersions.bid).toBe(`bid-${n}`);
        if (outputs.campaignId !== null) expect(outputs.campaignId.split('.')[1]).toBe(parityOf(n));
      }
    }
  });
});
