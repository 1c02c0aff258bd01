import { demoSnapshot } from '../../test/fixtures/demo-snapshot';
import { policySnapshotSchema } from '../contracts/policy-snapshot';
import { buildServingIndex } from './build-serving-index';
import { policyWeights, tunedParams } from './tuned-policies';

describe('reward weights in serving', () => {
  const snapshot = demoSnapshot();
  const { champion } = snapshot;

  it('leaves the policy’s own objects alone without weights, and changes only what a weight names', () => {
    const plain = tunedParams(champion, undefined);
    expect(plain.bid).toBe(champion.bid.params);
    const tuned = tunedParams(champion, { kMax: 2.5, wFatigue: 0.2 });
    expect(tuned.budget).toEqual({ ...champion.budget.params, kMax: 2.5 });
    expect(tuned.frequency.base).toBeCloseTo(champion.frequency.params.base ** 2, 12);
    expect(tuned.bid).toBe(champion.bid.params);
    expect(tunedParams(champion, { epsilonBid: 0.05, sigmaBid: 0.3, epsilonCreative: 0.02 })).toMatchObject({
      bid: { epsilon: 0.05, sigmaExplore: 0.3, gridPoints: champion.bid.params.gridPoints },
      creative: { epsilon: 0.02 },
    });
  });

  it('starts where the policy is, inside the declared range', () => {
    expect(policyWeights(champion)).toMatchObject({ epsilonBid: champion.bid.params.epsilon, wFatigue: 0.1 });
    const wide = { ...champion, budget: { ...champion.budget, params: { ...champion.budget.params, kMax: 9 } } };
    expect(policyWeights(wide).kMax).toBe(4);
  });

  it('gives both arms of a rollout the same weights', () => {
    const [campaign] = snapshot.campaigns;
    const weights = { version: 3, campaigns: { [campaign!.campaignId]: { kMax: 1.5 } } };
    const canary = { rolloutId: 'rol_1', stage: 1, shareBps: 500, policies: champion };
    const index = buildServingIndex({ ...snapshot, canary, weights });
    const tuned = index.campaignById.get(campaign!.campaignId)!.tuned;
    expect([tuned.champion.budget.kMax, tuned.canary.budget.kMax]).toEqual([1.5, 1.5]);
  });

  it('refuses a weight outside its range or of a name that is none', () => {
    const weights = (value: object) => policySnapshotSchema.safeParse({ ...snapshot, weights: value }).success;
    expect(weights({ version: 1, campaigns: { a: { kMax: 4 } } })).toBe(true);
    expect(weights({ version: 1, campaigns: { a: { kMax: 4.1 } } })).toBe(false);
    expect(weights({ version: 1, campaigns: { a: { totalBudget: 2 } } })).toBe(false);
  });
});
