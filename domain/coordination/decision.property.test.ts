import fc from 'fast-check';
import { baselinePolicies, demoInventory, demoSnapshot, exchangeOf } from '../../test/fixtures/demo-snapshot';
import { contextOf, freshState, hashUser } from '../../test/fixtures/decision-scene';
import { canonicalJson, type DecisionInputs, type NormalisedRequest } from '../contracts';
import { buildServingIndex } from '../matching';
import { normaliseRequest } from '../openrtb';
import {
  decideRequest,
  prepareRequest,
  replayDecision,
  type ImpressionDecision,
  type Infer,
  type RequestContext,
  type StateReader,
} from './index';

const share = fc.double({ min: 0, max: 1, noNaN: true });
const bannerArb = fc.record({
  id: fc.uuid(),
  banner: fc.record({
    format: fc.uniqueArray(
      fc.constantFrom({ w: 300, h: 250 }, { w: 728, h: 90 }, { w: 320, h: 50 }, { w: 300, h: 600 }, { w: 1, h: 1 }),
      { minLength: 1, maxLength: 4, selector: (format) => format.w * 10_000 + format.h },
    ),
    battr: fc.subarray([1, 3, 13]),
    btype: fc.subarray([1, 2, 3, 4], { maxLength: 1 }),
  }),
  bidfloor: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 30, noNaN: true })),
  bidfloorcur: fc.constantFrom('USD', 'EUR', 'JPY'),
  secure: fc.constantFrom(0, 1),
});
const requestArb = fc.record({
  id: fc.uuid(),
  at: fc.constantFrom(1, 2),
  site: fc.record({
    domain: fc.constantFrom('news.example', 'shop.example'),
    cat: fc.constantFrom([], ['IAB1'], ['IAB1', 'IAB17-3'], ['IAB25-3']),
  }),
  user: fc.record({ id: fc.constantFrom('', 'u-1', 'u-2') }),
  device: fc.record({
    devicetype: fc.constantFrom(1, 2, 4, 5),
    geo: fc.record({ country: fc.constantFrom('DEU', 'US') }),
  }),
  bcat: fc.subarray(['IAB20', 'IAB8-6', 'IAB18']),
  badv: fc.subarray(['lumen.example', 'example.org']),
  imp: fc.uniqueArray(bannerArb, { minLength: 1, maxLength: 3, selector: (imp) => imp.id }),
});
const lawArb = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.double({ min: -3, max: 4, noNaN: true }), fc.double({ min: 0.06, max: 3, noNaN: true })),
  },
  { weight: 1, arbitrary: fc.constantFrom([Number.NaN, 1], [1, Number.POSITIVE_INFINITY], [99, 1], [0, -1]) },
);
const sceneArb = fc.record({
  raw: requestArb,
  law: lawArb,
  noise: fc.nat(),
  rngCounter: fc.nat({ max: 2 ** 31 - 1 }),
  epsilon: fc.double({ min: 0, max: 0.5, noNaN: true }),
  bidEpsilon: fc.double({ min: 0, max: 0.5, noNaN: true }),
  bidCapMicros: fc.integer({ min: 1, max: 40_000_000 }),
  multiplier: fc.double({ min: 0.01, max: 5, noNaN: true }),
  passThrough: share,
  free: fc.constantFrom(0, 3_000_000, 1e12),
  explorationLeft: fc.constantFrom(0, 0.5, 1, 1),
  inferenceMode: fc.constantFrom<DecisionInputs['inferenceMode'][]>('models', 'models', 'models', 'heuristics', 'safe'),
  quarantined: fc.constantFrom<string[][]>([], [], [], [], ['bid'], ['budget'], ['creative', 'frequency']),
});
type Scene = typeof sceneArb extends fc.Arbitrary<infer T> ? T : never;

const inventory = demoInventory();

function indexOf(scene: Scene) {
  return buildServingIndex(
    demoSnapshot({
      campaigns: inventory.campaigns.map((campaign, i) =>
        i % 2 === 0 ? { ...campaign, bidCapMicros: scene.bidCapMicros, safeBidMicros: 1 } : campaign,
      ),
      champion: baselinePolicies({ creative: { epsilon: scene.epsilon }, bid: { epsilon: scene.bidEpsilon } }),
    }),
  );
}

/** State that differs by campaign and user but is a pure function of the scene. */
function stateOf(scene: Scene): StateReader {
  const vary = (text: string): number => ((text.length * 7919 + scene.noise) % 11) / 10;
  return freshState({
    pacing: (id) => ({
      multiplier: scene.multiplier * (0.5 + vary(id)),
      passThrough: Math.min(1, scene.passThrough + vary(id)),
    }),
    freeNanos: (id) => (vary(id) < 0.2 ? scene.free : 1e12),
    capCount: (key) => Math.floor(vary(key) * 50),
    exposures24h: (id) => Math.floor(vary(id) * 6),
    explorationLeft: () => scene.explorationLeft,
  });
}

const inferOf =
  (scene: Scene): Infer =>
  (_rows, rowCount) =>
    Promise.resolve(
      Float32Array.from({ length: rowCount * 2 }, (_, i) => (scene.law[i % 2] as number) + (i % 2 === 0 ? i / 100 : 0)),
    );

async function decide(scene: Scene): Promise<{ index: ReturnType<typeof indexOf>; decisions: ImpressionDecision[] }> {
  const index = indexOf(scene);
  const { fx, layerSalt } = index.snapshot;
  const request: NormalisedRequest = normaliseRequest(scene.raw, exchangeOf(), fx, hashUser, layerSalt);
  const { rngCounter, inferenceMode, quarantined } = scene;
  const context: RequestContext = contextOf({ rngCounter, inferenceMode, quarantined });
  const prepared = prepareRequest(index, request, context, stateOf(scene));
  const law = prepared.rowCount > 0 ? await inferOf(scene)(prepared.rows, prepared.rowCount) : null;
  let asked = scene.noise;
  const decisions = decideRequest(index, prepared, law, () => (asked += 1) % 4 !== 0);
  return { index, decisions };
}

describe('a decision', () => {
  it('prices in integers between floor and cap and never above its value', async () => {
    await fc.assert(
      fc.asyncProperty(sceneArb, async (scene) => {
        const { index, decisions } = await decide(scene);
        for (const { inputs, outputs } of decisions) {
          const { campaignId, bidMicros, counterfactual, agents, noBidReason } = outputs;
          expect(noBidReason === null).toBe(campaignId !== null);
          if (campaignId === null || counterfactual === null) continue;
          const impression = inputs.request.impressions[inputs.impIndex];
          const cap = index.campaignById.get(campaignId)?.bidCapMicros ?? 0;
          expect(Number.isInteger(bidMicros)).toBe(true);
          expect(bidMicros).toBeGreaterThanOrEqual(Math.max(1, impression?.floorMicros ?? 0));
          expect(bidMicros).toBeLessThanOrEqual(cap);
          if (agents?.bid.mode !== 'safe') {
            expect(bidMicros).toBeLessThanOrEqual(counterfactual.vPrimeMicros);
            expect(counterfactual.psi).toBeLessThanOrEqual(1);
            if (index.campaignById.get(campaignId)?.isSurplus) expect(counterfactual.k).toBeLessThanOrEqual(1);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('logs propensities in (0, 1] over the action set it chose from', async () => {
    await fc.assert(
      fc.asyncProperty(sceneArb, async (scene) => {
        const { decisions } = await decide(scene);
        for (const { outputs } of decisions) {
          const { propensity, creativeId, actionSet } = outputs;
          if (propensity === null) continue;
          for (const p of [propensity.creative, propensity.gridMass, propensity.throttle]) {
            expect(p).toBeGreaterThan(0);
            expect(p).toBeLessThanOrEqual(1);
          }
          expect(Number.isFinite(propensity.jointLog)).toBe(true);
          expect(actionSet).toContain(creativeId);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('is executed again bit for bit from its recorded inputs', async () => {
    await fc.assert(
      fc.asyncProperty(sceneArb, async (scene) => {
        const { index, decisions } = await decide(scene);
        const inputs = JSON.parse(JSON.stringify(decisions.map((decision) => decision.inputs))) as DecisionInputs[];
        const replayed = await replayDecision(index, inputs, inferOf(scene));
        expect(replayed.map(canonicalJson)).toEqual(decisions.map((decision) => canonicalJson(decision.outputs)));
      }),
      { numRuns: 200 },
    );
  });

  it('accounts for every campaign exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(sceneArb, async (scene) => {
        const { index, decisions } = await decide(scene);
        for (const { outputs } of decisions) {
          if (outputs.features.length === 0 && Object.keys(outputs.filtered).length === 0) continue;
          const removed = Object.values(outputs.filtered).reduce((sum, count) => sum + count, 0);
          const alive = outputs.campaignId === null ? 0 : 1 + outputs.losingCampaigns.length;
          const lost = outputs.filtered['lost-race'] ?? 0;
          // A campaign that lost its reservation to a race is a loser of the ranking as well.
          expect(removed + alive - (alive === 0 ? 0 : lost)).toBe(index.campaigns.length);
        }
      }),
      { numRuns: 60 },
    );
  });
});
