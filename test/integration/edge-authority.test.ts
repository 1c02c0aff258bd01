import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DecisionRecord, PolicySnapshot } from '#domain/contracts';
import { baselinePolicies, demoSnapshot } from '../fixtures/demo-snapshot';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, grantsFor, notify } from '../fixtures/edge-traffic';
import { EdgeKeys, FakeControlPlane } from '../fixtures/fake-control-plane';
import { temporaryFolder } from '../fixtures/local-edge';

const canarySnapshot = (n: number): PolicySnapshot =>
  demoSnapshot({
    version: n,
    snapshotId: `snap-${n}`,
    canary: { rolloutId: 'rollout-1', stage: 2, shareBps: 5000, policies: baselinePolicies() },
  });

describe('who may change what an edge does', () => {
  const folder = temporaryFolder('edge-authority');
  const keys = new EdgeKeys(folder);
  const control = new FakeControlPlane(keys);
  let edge: EdgeProcess;
  let user = 0;

  beforeAll(async () => {
    await control.start();
    control.grants = grantsFor(canarySnapshot(1), 1e12);
    control.publish(canarySnapshot(1));
    edge = new EdgeProcess(join(folder, 'edge'), {
      ...keys.env,
      CONTROL_PLANE_URL: control.url,
      EDGE_SEAL_AFTER_MS: '100',
    });
    await edge.start();
    await waitFor(async () => (await ask(edge.url, bannerRequest('warm'))) !== null);
  });
  afterAll(async () => {
    await edge.end('SIGKILL');
    await control.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Records of 60 fresh users, each on its own request. */
  async function recordsOfTraffic(): Promise<DecisionRecord[]> {
    const users = Array.from({ length: 60 }, () => `authority-${(user += 1)}`);
    const requests = users.map((name) => bannerRequest(name));
    for (const request of requests) await ask(edge.url, request);
    const ids = new Set(requests.map((request) => request['id'] as string));
    const found = (): DecisionRecord[] =>
      control
        .events()
        .flatMap((event) => (event.type === 'decision' && ids.has(event.inputs.request.requestId) ? [event] : []));
    await waitFor(() => found().length === requests.length);
    return found();
  }
  const share = (): Promise<number> => edge.metric('adloop_edge_canary_share_bps');

  it('serves the champion alone until a lease of this rollout and stage arrives', async () => {
    expect(await share()).toBe(0);
    control.lease = { rolloutId: 'rollout-1', stage: 1, shareBps: 5000, expiresAtMs: Date.now() + 60_000 };
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await share()).toBe(0);
    const records = await recordsOfTraffic();
    expect(new Set(records.map(({ inputs }) => `${inputs.arm}|${inputs.rolloutId}|${inputs.stage}`))).toEqual(
      new Set(['champion||-1']),
    );
  });

  it('serves the smaller of both shares and marks both arms', async () => {
    control.lease = { rolloutId: 'rollout-1', stage: 2, shareBps: 4000, expiresAtMs: Date.now() + 60_000 };
    await waitFor(() => share().then((bps) => bps === 4000));
    await waitFor(() => control.heartbeats.at(-1)?.servingCanary?.shareBps === 4000);
    const records = await recordsOfTraffic();
    expect(new Set(records.map(({ inputs }) => `${inputs.arm}|${inputs.rolloutId}|${inputs.stage}`))).toEqual(
      new Set(['champion|rollout-1|2', 'canary|rollout-1|2']),
    );
  });

  it('ends the canary by itself when nobody renews the lease, and says so', async () => {
    control.lease = { rolloutId: 'rollout-1', stage: 2, shareBps: 4000, expiresAtMs: Date.now() + 1200 };
    await new Promise((resolve) => setTimeout(resolve, 500));
    await control.stop();
    await waitFor(() => share().then((bps) => bps === 0), 3000);
    expect(await edge.metric('adloop_edge_canary_lapses')).toBe(1);
    expect(await ask(edge.url, bannerRequest('lapsed'))).not.toBeNull();
    control.lease = null;
    await control.start();
    await waitFor(() => (control.heartbeats.at(-1)?.counters['canaryLapses'] ?? 0) === 1);
  });

  it('obeys kill files: raised by one operator, lowered by two, with nobody else alive', async () => {
    const level = (name: string) =>
      waitFor(() => edge.metric(`adloop_edge_kill_level{level="${name}"}`).then((on) => on === 1), 4000);
    keys.kill({ level: 'safe-bids-only', seq: 1 }, ['a']);
    await level('safe-bids-only');
    const safe = await recordsOfTraffic();
    expect(new Set(safe.map(({ inputs }) => inputs.inferenceMode))).toEqual(new Set(['safe']));
    expect(safe.some(({ outputs }) => outputs.agents?.bid.mode === 'safe')).toBe(true);

    keys.kill({ level: 'stop-bidding', seq: 2 }, ['b']);
    await level('stop-bidding');
    expect(await ask(edge.url, bannerRequest('stopped'))).toBeNull();

    keys.kill({ level: 'none', seq: 3 }, ['a']);
    await waitFor(
      () => edge.metric('adloop_edge_kill_files_total{verdict="needs-two-keys"}').then((count) => count === 1),
      4000,
    );
    rmSync(keys.killFile);
    await edge.end('SIGKILL');
    await edge.start();
    expect(await ask(edge.url, bannerRequest('still stopped'))).toBeNull();

    keys.kill({ level: 'none', seq: 3 }, ['a', 'b']);
    await level('none');
    await waitFor(() => control.heartbeats.at(-1)?.killLevel === 'none');
  });

  it('never reserves more than its lease, however many requests come at once', async () => {
    const snapshot = canarySnapshot(9);
    control.publish(snapshot);
    const lease = 20_000_000;
    const fresh = snapshot.campaigns.map(({ campaignId }) => `tight-${campaignId}`);
    control.grants = grantsFor(snapshot, lease).map((grant) => ({
      ...grant,
      grantId: `tight-${grant.campaignId}-${grant.arm}`,
    }));
    await waitFor(() => (control.heartbeats.at(-1)?.grants ?? []).some((grant) => grant.grantId.startsWith('tight-')));
    const bids = await Promise.all(
      Array.from({ length: 1500 }, (_, n) =>
        ask(edge.url, bannerRequest(`load-${n}`)).then((bid) => (n % 2 === 0 && bid ? bid : null)),
      ),
    );
    await Promise.all(bids.flatMap((bid) => (bid ? [notify(bid.burl, { price: bid.price })] : [])));
    const beats = control.heartbeats.length;
    await waitFor(() => control.heartbeats.length > beats + 1);
    const reports = control.heartbeats
      .flatMap((beat) => beat.grants)
      .filter((grant) => fresh.some((name) => grant.grantId.startsWith(name)));
    expect(reports.length).toBeGreaterThan(0);
    for (const { reservedNanos, spentNanos, freeNanos, returnedNanos } of reports) {
      expect(reservedNanos + spentNanos + freeNanos + returnedNanos).toBe(lease);
      expect(Math.min(reservedNanos, spentNanos, freeNanos, returnedNanos)).toBeGreaterThanOrEqual(0);
    }
    expect(await ask(edge.url, bannerRequest('dry'))).toBeNull();
  });
});
