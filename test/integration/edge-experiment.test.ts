import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ArtifactRef, DecisionRecord, PolicyBundle, PolicySnapshot } from '#domain/contracts';
import { firstDifference } from '#domain/contracts/first-difference';
import { openOnnxSession } from '../../activities/onnx-session';
import { createReplayActivities } from '../../activities/replay-decisions';
import { baselinePolicies, demoSnapshot } from '../fixtures/demo-snapshot';
import { EdgeProcess, waitFor } from '../fixtures/edge-process';
import { ask, bannerRequest, grantsFor } from '../fixtures/edge-traffic';
import { EdgeKeys, FakeControlPlane } from '../fixtures/fake-control-plane';
import { temporaryFolder } from '../fixtures/local-edge';

const SHIPPED = join(__dirname, '..', '..', 'apps', 'bidder-edge', 'shipped');
const { payload } = JSON.parse(readFileSync(join(SHIPPED, 'snapshot.json'), 'utf8')) as { payload: string };
/** A real model, so that the control's inference is told from the champion's and the treatment's. */
const modelBid = (JSON.parse(payload) as PolicySnapshot).champion.bid;
const artifact = modelBid.artifact as ArtifactRef;
const model = readFileSync(join(SHIPPED, 'artifacts', `${artifact.sha256}.onnx`));

const champion = baselinePolicies();
const treated = baselinePolicies({ bid: { epsilon: 0.3, sigmaExplore: 0.6 } });
const control: PolicyBundle = { ...champion, bid: modelBid };
const treatment: PolicyBundle = { ...champion, bid: { ...treated.bid, modelVersionId: 'bid-treatment' } };
const snapshot = demoSnapshot({
  version: 3,
  snapshotId: 'snap-3',
  champion,
  canary: { rolloutId: 'exp_1', stage: 0, shareBps: 5000, policies: treatment, control },
});

/** An experiment's arms where neither is the champion: on a real edge, from its lease to the replay of what it decided. */
describe('an experiment whose control is not the champion', () => {
  const folder = temporaryFolder('edge-experiment');
  const keys = new EdgeKeys(folder);
  const plane = new FakeControlPlane(keys);
  let edge: EdgeProcess;

  beforeAll(async () => {
    await plane.start();
    plane.artifacts.set(artifact.sha256, model);
    plane.grants = grantsFor(snapshot, 1e12);
    plane.publish(snapshot);
    edge = new EdgeProcess(join(folder, 'edge'), {
      ...keys.env,
      CONTROL_PLANE_URL: plane.url,
      EDGE_SEAL_AFTER_MS: '100',
    });
    await edge.start();
    await waitFor(async () => (await ask(edge.url, bannerRequest('warm'))) !== null);
  });
  afterAll(async () => {
    await edge.end('SIGKILL');
    await plane.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Records of `count` users, always the same ones. */
  async function recordsOf(count: number): Promise<DecisionRecord[]> {
    const requests = Array.from({ length: count }, (_, user) => bannerRequest(`user-${user}`, { tmax: 5000 }));
    for (const request of requests) await ask(edge.url, request);
    const ids = new Set(requests.map((request) => request['id'] as string));
    const found = (): DecisionRecord[] =>
      plane
        .events()
        .flatMap((event) => (event.type === 'decision' && ids.has(event.inputs.request.requestId) ? [event] : []));
    await waitFor(() => found().length === count);
    return found();
  }
  const share = (bps: number) => waitFor(() => edge.metric('adloop_edge_canary_share_bps').then((now) => now === bps));
  const bidOf = (records: readonly DecisionRecord[]) =>
    new Set(
      records.flatMap(({ inputs, modelVersions, outputs }) =>
        outputs.agents === null
          ? []
          : [`${inputs.arm} ${inputs.rolloutId} ${modelVersions.bid} ${outputs.agents.bid.mode}`],
      ),
    );

  async function replayed(records: readonly DecisionRecord[], from: PolicySnapshot): Promise<string[]> {
    const { replayDecisions } = createReplayActivities({
      snapshot: () => Promise.resolve(from),
      artifact: () => Promise.resolve(model),
      openSession: openOnnxSession,
    });
    const different = new Set<string>();
    for (const { decisionId, edgeId, inputs, outputs } of records) {
      const [answer] = await replayDecisions({ records: [{ decisionId, edgeId, inputs }] });
      const first = firstDifference(outputs, JSON.parse(JSON.stringify(answer.outputs)));
      if (first !== null) different.add(first.pointer);
    }
    return [...different];
  }

  it('serves the champion alone without a lease, the control and the treatment with one, the champion again after it', async () => {
    const before = await recordsOf(40);
    expect(bidOf(before)).toEqual(new Set(['champion  bid-test baseline']));

    plane.lease = { rolloutId: 'exp_1', stage: 0, shareBps: 5000, expiresAtMs: Date.now() + 60_000 };
    await share(5000);
    const during = await recordsOf(80);
    const arms = { champion: during.filter(isOf('champion')), canary: during.filter(isOf('canary')) };
    expect(bidOf(arms.champion)).toEqual(new Set([`champion exp_1 ${modelBid.modelVersionId} model`]));
    expect(bidOf(arms.canary)).toEqual(new Set(['canary exp_1 bid-treatment baseline']));
    expect(Math.min(arms.champion.length, arms.canary.length)).toBeGreaterThan(20);

    plane.lease = { rolloutId: 'exp_1', stage: 0, shareBps: 5000, expiresAtMs: Date.now() + 800 };
    await new Promise((resolve) => setTimeout(resolve, 400));
    plane.lease = null;
    await share(0);
    const after = await recordsOf(40);
    expect(bidOf(after)).toEqual(new Set(['champion  bid-test baseline']));

    // What was decided is decided again from the records alone, each arm by its own policies.
    expect(await replayed([...before, ...during, ...after], snapshot)).toEqual([]);
    // And by nothing else: another control changes what comes out for its own records, and for no others.
    const { control: _control, ...canary } = snapshot.canary!;
    await expect(replayed(arms.champion, { ...snapshot, canary })).rejects.toThrow(/no bid model for the champion/);
    const bid = { ...modelBid, params: { ...modelBid.params, gridPoints: 8 } };
    const other = { ...snapshot, canary: { ...canary, control: { ...control, bid } } };
    expect(await replayed(arms.champion, other)).not.toEqual([]);
    expect(await replayed([...before, ...arms.canary, ...after], other)).toEqual([]);
  });
});

const isOf =
  (arm: string) =>
  ({ inputs }: DecisionRecord): boolean =>
    inputs.arm === arm;
