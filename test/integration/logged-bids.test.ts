import type { DecisionRecord } from '#domain/contracts/decision-record';
import type { Outcome } from '#domain/contracts/outcome';
import { LoggedBids } from '../../apps/control-plane/src/lake/logged-bids.service';
import { sampleEvents } from '#domain/lake/sample-events';
import type { LoggedBid } from '../../activities/training-ports';
import { draws, inParts, openLake, segmentOf, type OpenLake } from './open-lake';

const START_MS = Date.now() - 1_800_000;
const END_MS = START_MS + 600_000;

/** Bids by two models on both arms; the sample's clicks and conversions bring value. */
const events = [
  ...sampleEvents({ startMs: START_MS, requestsPerSecond: 20, rng: draws(9), rolloutId: 'rol_1' }, 3000),
].map(({ decision, outcomes }, at) => ({
  decision: { ...decision, modelVersions: { ...decision.modelVersions, bid: at % 3 === 0 ? 'bid-0' : 'bid-1' } },
  outcomes,
}));

const valueOf = (outcomes: readonly Outcome[]): number =>
  outcomes.reduce((sum, { kind, valueNanos }) => sum + (kind === 'click' || kind === 'conversion' ? valueNanos : 0), 0);

/** Given decisions and notices in the lake; when the bids of one model are read for an evaluation; then each is there once, with its outcome. */
describe('bids logged by one model', () => {
  let lake: OpenLake;
  let bids: LoggedBids;
  const window = { fromMs: START_MS, toMs: END_MS, excluded: [] };
  const expected = events.filter(
    ({ decision: { inputs, outputs, modelVersions } }) =>
      modelVersions.bid === 'bid-1' &&
      inputs.arm === 'champion' &&
      outputs.noBidReason === null &&
      !inputs.request.isTest,
  );
  const idOf = ({ record }: LoggedBid): string => (JSON.parse(record) as DecisionRecord).decisionId;

  beforeAll(async () => {
    lake = await openLake();
    const flat = events.flatMap(({ decision, outcomes }) => [decision, ...outcomes]);
    for (const [at, part] of inParts(flat, 2000).entries()) {
      const { bytes, sha256 } = segmentOf(part);
      await lake.ingest.ingest('edge-1', `b-${at}`, sha256, bytes);
    }
    await lake.sealer.sealNow();
    bids = new LoggedBids(lake.database, lake.duck);
  });
  afterAll(() => lake.close());

  test('are its bids for the champion’s arm, whole, with win, price to beat and realised value', async () => {
    const found = await bids.read({ window, modelVersionId: 'bid-1', maxBids: 20_000 });
    const byId = new Map(found.map((bid) => [idOf(bid), bid]));
    expect([...byId.keys()].sort()).toEqual(expected.map(({ decision }) => decision.decisionId).sort());
    expect(found).toHaveLength(byId.size);
    for (const { decision, outcomes } of expected) {
      const bid = byId.get(decision.decisionId)!;
      expect(JSON.parse(bid.record)).toEqual(decision);
      expect(bid).toMatchObject({
        won: outcomes.some(({ kind }) => kind !== 'loss'),
        minToWinMicros: outcomes.find(({ minToWinMicros }) => minToWinMicros !== null)?.minToWinMicros ?? null,
        valueNanos: valueOf(outcomes),
        copies: 1,
      });
    }
    expect(found.some(({ valueNanos }) => valueNanos > 0)).toBe(true);
    expect(await bids.read({ window, modelVersionId: 'bid-9', maxBids: 20_000 })).toEqual([]);
  });

  test('are thinned to a bound, the rewarded last, and each then says how many it stands for', async () => {
    const rewarded = expected.filter(({ outcomes }) => valueOf(outcomes) > 0).length;
    const found = await bids.read({ window, modelVersionId: 'bid-1', maxBids: 2 * rewarded + 100 });
    expect(found).toHaveLength(2 * rewarded + 100);
    const kept = found.filter(({ valueNanos }) => valueNanos > 0);
    expect(kept.map(({ copies }) => copies)).toEqual(Array.from({ length: rewarded }, () => 1));
    const total = found.reduce((sum, { copies }) => sum + copies, 0);
    expect(total).toBeCloseTo(expected.length, 6);
    const few = await bids.read({ window, modelVersionId: 'bid-1', maxBids: rewarded });
    expect(few.filter(({ valueNanos }) => valueNanos > 0)).toHaveLength(Math.floor(rewarded / 2));
    expect(few.reduce((sum, { copies }) => sum + copies, 0)).toBeCloseTo(expected.length, 6);
  });

  test('leave out what fell into an incident, and an empty range is empty', async () => {
    const half = START_MS + 60_000;
    const incident = { incidentId: 'inc-1', fromMs: START_MS, toMs: half, rolloutId: null, reason: 'prices in cents' };
    const query = { modelVersionId: 'bid-1', maxBids: 20_000 };
    const found = await bids.read({ ...query, window: { ...window, excluded: [incident] } });
    const later = expected.filter(({ decision }) => decision.inputs.nowMs >= half);
    expect(found.map(idOf).sort()).toEqual(later.map(({ decision }) => decision.decisionId).sort());
    expect(await bids.read({ ...query, window: { ...window, fromMs: 1, toMs: 2 } })).toEqual([]);
  });
});
