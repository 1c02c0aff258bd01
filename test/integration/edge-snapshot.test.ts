import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ArtifactRef, PolicySnapshot } from '#domain/contracts';
import { demoSnapshot } from '../fixtures/demo-snapshot';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, grantsFor } from '../fixtures/edge-traffic';
import { EdgeKeys, FakeControlPlane } from '../fixtures/fake-control-plane';
import { temporaryFolder } from '../fixtures/local-edge';

const version = (n: number, over: Partial<PolicySnapshot> = {}): PolicySnapshot =>
  demoSnapshot({ version: n, snapshotId: `snap-${n}`, ...over });

const SHIPPED = join(__dirname, '..', '..', 'apps', 'bidder-edge', 'shipped');
const { payload } = JSON.parse(readFileSync(join(SHIPPED, 'snapshot.json'), 'utf8')) as { payload: string };
const shippedBid = (JSON.parse(payload) as PolicySnapshot).champion.bid;
const artifact = shippedBid.artifact as ArtifactRef;
const model = readFileSync(join(SHIPPED, 'artifacts', `${artifact.sha256}.onnx`));
const NO_MODEL = Buffer.from('no model');
const sha256Of = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

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
  /** Version 6 with the shipped model, changed by `over`; `bytes` are what the control plane has for its hash. */
  function withModel(over: Partial<ArtifactRef>, bytes?: Buffer): string {
    const snapshot = version(6);
    const ref = { ...artifact, ...over };
    snapshot.champion.bid = { ...shippedBid, artifact: ref };
    if (bytes) control.artifacts.set(ref.sha256, bytes);
    return keys.signed(JSON.stringify(snapshot));
  }
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
    ['naming an artifact that nobody has', () => withModel({ sha256: 'f'.repeat(64) }), 'ARTIFACT_UNAVAILABLE'],
    [
      'whose artifact is altered on the way',
      () => withModel({}, Buffer.concat([model, Buffer.from('x')])),
      'ARTIFACT_HASH',
    ],
    ['whose artifact is no model', () => withModel({ sha256: sha256Of(NO_MODEL) }, NO_MODEL), 'ARTIFACT_INVALID'],
    ['whose model was trained on other features', () => withModel({ featureSpecHash: 'other' }, model), 'FEATURE_SPEC'],
    [
      'whose model answers its golden input differently',
      () => withModel({ parity: [{ input: artifact.parity[0]?.input ?? [], output: [9, 9] }] }, model),
      'PARITY',
    ],
  ])('refuses a bundle %s and goes on with the one it has', async (_what, bundle, code) => {
    const refused = (): Promise<number> => edge.metric(`adloop_edge_snapshots_refused_total{code="${code}"}`);
    const before = await refused();
    control.publish(version(6), bundle());
    await waitFor(() => refused().then((count) => count > before));
    await waitFor(() => lastRefusal() === code);
    expect(await edge.metric('adloop_edge_snapshot_version')).toBe(5);
    expect(await ask(edge.url, bannerRequest(`during-${code}`))).not.toBeNull();
  });

  it('recovers with the next good one, which has a model', async () => {
    const good = version(7);
    good.champion.bid = shippedBid;
    control.artifacts.set(artifact.sha256, model);
    control.grants.push(...grantsFor(good, 1e9));
    control.publish(good);
    await serving(7);
    await waitFor(() => control.heartbeats.at(-1)?.refusedSnapshot === null);
  });

  it('starts from the last known good one without a control plane, within seconds', async () => {
    await edge.end('SIGKILL');
    control.artifacts.clear();
    await control.stop();
    // The figure is 2 s; three times that on a machine that runs other things as well.
    expect(await edge.start()).toBeLessThan(6000);
    expect(await edge.metric('adloop_edge_snapshot_version')).toBe(7);
    await control.start();
  });
});
