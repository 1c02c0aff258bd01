import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicySnapshot } from '#domain/contracts';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, grantsFor } from '../fixtures/edge-traffic';
import { EdgeKeys, FakeControlPlane } from '../fixtures/fake-control-plane';
import { temporaryFolder } from '../fixtures/local-edge';

const version = (n: number, over: Partial<PolicySnapshot> = {}): PolicySnapshot =>
  demoSnapshot({ version: n, snapshotId: `snap-${n}`, ...over });

describe('an edge and its snapshots', () => {
  const folder = temporaryFolder('edge-snapshot');
  const keys = new EdgeKeys(folder);
  const control = new FakeControlPlane(keys);
  let edge: EdgeProcess;

  beforeAll(async () => {
    await control.start();
    edge = new EdgeProcess(join(folder, 'edge'), { ...keys.env, CONTROL_PLANE_URL: control.url });
    await edge.start();
  });
  afterAll(async () => {
    await edge.end('SIGKILL');
    await control.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const serving = (n: number) =>
    waitFor(() => edge.metric('adloop_edge_snapshot_version').then((value) => value === n));
  const lastRefusal = () => control.heartbeats.at(-1)?.refusedSnapshot?.code;

  it('answers 204 and is not ready before its first snapshot', async () => {
    expect((await fetch(`${edge.url}/openrtb2/demo`, { method: 'POST', body: '{}' })).status).toBe(204);
    expect((await fetch(`${edge.url}/readyz`)).status).toBe(503);
  });

  it('serves a good one, acknowledges it, and bids as soon as it has budget', async () => {
    control.grants = grantsFor(version(5), 1e9);
    control.publish(version(5));
    await serving(5);
    await waitFor(() => control.heartbeats.at(-1)?.snapshotVersion === 5);
    await waitFor(async () => (await ask(edge.url, bannerRequest('u1'))) !== null);
  });

  it.each([
    ['unsigned', () => JSON.stringify(version(6)), 'BAD_SIGNATURE'],
    [
      'signed by a stranger',
      () => keys.signed(JSON.stringify(version(6)), keys.operators.a.privateKey),
      'BAD_SIGNATURE',
    ],
    [
      'altered after signing',
      () => keys.signed(JSON.stringify(version(6))).replace('snap-6', 'snap-7'),
      'BAD_SIGNATURE',
    ],
    ['cut off', () => keys.signed(JSON.stringify(version(6))).slice(0, 500), 'MALFORMED'],
    ['older', () => keys.signed(JSON.stringify(version(4))), 'OLDER_VERSION'],
    ['of another schema', () => keys.signed(JSON.stringify({ ...version(6), schemaVersion: 2 })), 'SCHEMA'],
    ['of another fleet', () => keys.signed(JSON.stringify(version(6, { fleet: 'other' }))), 'WRONG_FLEET'],
    ['ten times too large', () => ' '.repeat(33 << 20), 'TOO_LARGE'],
    [
      'naming an artifact that nobody has',
      () => {
        const snapshot = version(6);
        const artifact = {
          sha256: 'f'.repeat(64),
          sizeBytes: 1,
          inputName: 'features',
          outputName: 'law',
          inputWidth: 24,
          outputWidth: 2,
          featureSpecHash: '',
          parity: [{ input: [], output: [] }],
          tolerance: 1,
        };
        snapshot.champion.bid = { ...snapshot.champion.bid, kind: 'model', artifact };
        return keys.signed(JSON.stringify(snapshot));
      },
      'ARTIFACT_UNAVAILABLE',
    ],
  ])('refuses a bundle %s and goes on with the one it has', async (_what, bundle, code) => {
    control.publish(version(6), bundle());
    await waitFor(() => lastRefusal() === code);
    expect(await edge.metric('adloop_edge_snapshot_version')).toBe(5);
    expect(await edge.metric(`adloop_edge_snapshots_refused_total{code="${code}"}`)).toBeGreaterThan(0);
    expect(await ask(edge.url, bannerRequest(`during-${code}`))).not.toBeNull();
  });

  it('recovers with the next good one', async () => {
    control.grants.push(...grantsFor(version(7), 1e9));
    control.publish(version(7));
    await serving(7);
    await waitFor(() => control.heartbeats.at(-1)?.refusedSnapshot === null);
  });

  it('starts from the last known good one without a control plane, within 2 s', async () => {
    await edge.end('SIGKILL');
    await control.stop();
    expect(await edge.start()).toBeLessThan(2000);
    expect(await edge.metric('adloop_edge_snapshot_version')).toBe(7);
    await control.start();
  });
});
