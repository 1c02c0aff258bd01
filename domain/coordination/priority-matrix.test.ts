import { baselinePolicies, demoInventory, demoSnapshot, exchangeOf } from '../../test/fixtures/demo-snapshot';
import { contextOf, freshState, hashUser } from '../../test/fixtures/decision-scene';
import type { Campaign, PolicySnapshot } from '../contracts';
import { buildServingIndex } from '../matching';
import { normaliseRequest } from '../openrtb';
import {
  agentsWithoutAutonomy,
  assignArm,
  decideRequest,
  isEligible,
  prepareRequest,
  shadowAction,
  userBucketOf,
  type RequestContext,
  type Reserve,
  type StateReader,
} from './index';

const inventory = demoInventory();
const base = inventory.campaigns[0] as Campaign;
const MU = Math.log(3);
const SIGMA = 0.5;

interface Case {
  campaign?: Partial<Campaign>;
  policies?: Parameters<typeof baselinePolicies>[0];
  snapshot?: Partial<PolicySnapshot>;
  state?: Partial<StateReader>;
  context?: Partial<RequestContext>;
  law?: Float32Array | null;
  reserve?: Reserve;
  request?: object;
  imp?: object;
}

/** Decides one 300x250 impression with the first demo campaign alone (unless the case brings its own snapshot). */
function decide(change: Case = {}) {
  const campaigns = [{ ...base, ...change.campaign }];
  const champion = baselinePolicies(change.policies);
  const index = buildServingIndex(demoSnapshot({ campaigns, champion, ...change.snapshot }));
  const raw = {
    id: 'r',
    site: {},
    user: { id: 'u' },
    imp: [{ id: '1', banner: { w: 300, h: 250 }, ...change.imp }],
    ...change.request,
  };
  const request = normaliseRequest(raw, exchangeOf(), index.snapshot.fx, hashUser, index.snapshot.layerSalt);
  const prepared = prepareRequest(index, request, contextOf(change.context), freshState(change.state));
  const law = change.law === undefined ? new Float32Array([MU, SIGMA]) : change.law;
  const [decision] = decideRequest(index, prepared, law, change.reserve ?? (() => true));
  if (!decision) throw new Error('nothing decided');
  return { index, decision, ...decision };
}
const rules = (change: Case) =>
  decide(change).outputs.conflicts.map(({ rule, winner, loser }) => `${rule}: ${winner} over ${loser}`);
const pacing = (multiplier: number, passThrough = 1) => ({ pacing: () => ({ multiplier, passThrough }) });
const cpa = { goal: { kind: 'cpa' as const, targetMicros: 400_000, conversionValueMicros: 500_000 } };

describe('the value and its multiplier', () => {
  it('is v′ = k·ψ·v with each factor applied once', () => {
    const { outputs } = decide({ state: { ...pacing(0.5), exposures24h: () => 2 } });
    expect(outputs.counterfactual).toMatchObject({ k: 0.5, kFrom: 'budget' });
    expect(outputs.counterfactual?.psi).toBeCloseTo(0.81, 12);
    expect(outputs.counterfactual?.vPrimeMicros).toBeCloseTo(0.5 * 0.81 * 8_000_000, 3);
  });

  it('takes the minimum of the multipliers, never their product', () => {
    const value = { ...cpa, objective: 'value' as const };
    expect(decide({ campaign: value, state: pacing(0.9) }).outputs.counterfactual).toMatchObject({ kFrom: 'cpa' });
    expect(decide({ campaign: value, state: pacing(0.9) }).outputs.counterfactual?.k).toBeCloseTo(0.8, 12);
    expect(decide({ campaign: value, state: pacing(0.5) }).outputs.counterfactual).toMatchObject({
      k: 0.5,
      kFrom: 'budget',
    });
  });

  it('lets a value maximiser bid above its value and keeps surplus at k <= 1', () => {
    expect(decide({ campaign: { objective: 'value' }, state: pacing(2) }).outputs.counterfactual).toMatchObject({
      k: 2,
    });
    expect(decide({ campaign: { objective: 'value' }, state: pacing(9) }).outputs.counterfactual).toMatchObject({
      k: 3,
      kFrom: 'clamp',
    });
    expect(decide({ campaign: { objective: 'surplus' }, state: pacing(2) }).outputs.counterfactual).toMatchObject({
      k: 1,
      kFrom: 'clamp',
    });
    expect(decide({ state: pacing(0.001) }).outputs.counterfactual).toMatchObject({ k: 0.1, kFrom: 'clamp' });
  });
});

describe('conflicts', () => {
  it.each<[string, Case, string]>([
    [
      'Creative wants to explore without allowance',
      { policies: { creative: { epsilon: 1 }, bid: { epsilon: 0 } }, state: { explorationLeft: () => 0 } },
      'exploration-allowance: bid over creative',
    ],
    [
      'Bid wants to explore without allowance',
      { policies: { creative: { epsilon: 0 }, bid: { epsilon: 0.5 } }, state: { explorationLeft: () => 0 } },
      'price-exploration-allowance: budget over bid',
    ],
    [
      'Budget and CPA disagree',
      { campaign: { ...cpa, objective: 'value' }, state: pacing(1.3) },
      'minimum-multiplier: cpa over budget',
    ],
    [
      'Budget is the stricter one',
      { campaign: { ...cpa, objective: 'value' }, state: pacing(0.3) },
      'minimum-multiplier: budget over cpa',
    ],
    [
      'Budget wants more than a surplus campaign may pay',
      { state: pacing(1.5) },
      'surplus-ceiling: objective over budget',
    ],
    ['the cap is below the proposal', { campaign: { bidCapMicros: 1_000_000 } }, 'bid-cap: campaign over bid'],
  ])('names: %s', (_name, change, conflict) => {
    const seen = new Set<string>();
    for (let rngCounter = 0; rngCounter < 60; rngCounter += 1)
      for (const rule of rules({ ...change, context: { rngCounter } })) seen.add(rule);
    expect([...seen]).toEqual([conflict]);
  });

  it('names Budget’s wish to spend when a frequency cap vetoes it', () => {
    const change: Case = {
      campaign: { frequencyCaps: [{ scope: 'campaign', windowMinutes: 60, maxImpressions: 1 }] },
      state: { ...pacing(1.5), capCount: () => 1 },
    };
    const { outputs } = decide(change);
    expect(outputs.noBidReason).toBe('frequency-cap');
    expect(outputs.conflicts).toEqual([
      {
        rule: `frequency-cap-over-spend:${base.campaignId}`,
        winner: 'frequency',
        loser: 'budget',
        before: 1.5,
        after: 0,
      },
    ]);
  });

  it('is silent when the agents agree', () => expect(rules({})).toEqual([]));

  it('plays the best creative for certain when exploration has run out', () => {
    const { outputs } = decide({ policies: { creative: { epsilon: 1 } }, state: { explorationLeft: () => 0 } });
    expect(outputs.propensity?.creative).toBe(1);
  });
});

describe('fallbacks', () => {
  it.each<[string, Case]>([
    ['NaN', { law: new Float32Array([Number.NaN, 1]) }],
    ['a negative sigma', { law: new Float32Array([1, -1]) }],
    ['a huge mu', { law: new Float32Array([1e9, 1]) }],
    ['the wrong shape', { law: new Float32Array([1]) }],
    ['no inference', { law: null }],
    ['a quarantined bid agent', { context: { quarantined: ['bid'] } }],
    ['too little time', { context: { inferenceMode: 'heuristics' } }],
  ])('to the shading table on %s', (_name, change) => {
    const { outputs } = decide(change);
    expect(outputs.agents?.bid).toMatchObject({ mode: 'baseline', reason: 'shading-table' });
    expect(outputs.bidMicros).toBe(5_600_000);
    expect(outputs.counterfactual).toMatchObject({ mu: 0, sigma: 0 });
  });

  it('records heuristics when there was no usable inference', () => {
    expect(decide({ law: null }).inputs.inferenceMode).toBe('heuristics');
    expect(decide({}).inputs.inferenceMode).toBe('models');
  });

  it('to the safe bid when an agent fails', () => {
    const { outputs } = decide({ state: pacing(Number.NaN) });
    expect(outputs.bidMicros).toBe(base.safeBidMicros);
    expect(outputs.agents?.bid).toMatchObject({ mode: 'safe', reason: 'RangeError' });
    expect(outputs.propensity).toEqual({ creative: 1, gridMass: 1, throttle: 1, jointLog: 0 });
  });

  it('to safe bids when ordered so, and to none below the floor', () => {
    const context = { inferenceMode: 'safe' as const };
    expect(decide({ context }).outputs.bidMicros).toBe(base.safeBidMicros);
    expect(decide({ context, imp: { bidfloor: 2 } }).outputs.noBidReason).toBe('below-floor');
  });

  it('to k = 1 and no throttle without the Budget agent', () => {
    const { outputs } = decide({ state: pacing(0.2, 0), context: { quarantined: ['budget'] } });
    expect(outputs.counterfactual?.k).toBe(1);
    expect(outputs.agents?.budget.mode).toBe('baseline');
  });
});

describe('no bid', () => {
  it.each<[string, Case]>([
    ['below-floor', { imp: { bidfloor: 8.5 } }],
    ['below-floor', { campaign: { bidCapMicros: 900_000 }, imp: { bidfloor: 1 } }],
    ['throttled', { state: pacing(1, 0) }],
    ['lost-race', { reserve: () => false }],
    ['no-vendor', { request: { regs: { gdpr: 1 } } }],
    ['no-format', { imp: { banner: undefined } }],
  ])('has reason %s', (reason, change) => {
    expect(decide(change).outputs).toMatchObject({
      noBidReason: reason,
      campaignId: null,
      bidMicros: 0,
      propensity: null,
    });
  });
});

describe('ranking and reservation', () => {
  const all = { snapshot: { campaigns: inventory.campaigns } };

  it('goes by expected surplus and keeps the losers', () => {
    const { outputs } = decide(all);
    const scores = outputs.losingCampaigns.map((loser) => loser.score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(outputs.losingCampaigns).toHaveLength(8);
  });

  it('offers the impression to the next campaign when a reservation fails, and records that', () => {
    const first = decide(all).outputs.campaignId;
    const { inputs, outputs } = decide({ ...all, reserve: (campaignId) => campaignId !== first });
    expect(outputs.campaignId).not.toBe(first);
    expect(outputs.filtered['lost-race']).toBe(1);
    expect(inputs.candidates.filter((state) => 'lostRace' in state).map((state) => state.campaignId)).toEqual([first]);
  });

  it('reserves the price of one impression in nanos: the CPM price in micros', () => {
    let asked = 0;
    const { outputs } = decide({ reserve: (_campaign, _creative, priceNanos) => (asked = priceNanos) > 0 });
    expect(asked).toBe(outputs.bidMicros);
  });

  it('bids the value in a second-price auction', () => {
    const { outputs } = decide({ request: { at: 2 } });
    expect(outputs.bidMicros).toBe(8_000_000);
    expect(outputs.agents?.bid.reason).toBe('second-price');
  });
});

describe('arms', () => {
  it('keep their users when the share grows, and cut across buckets', () => {
    const users = Array.from({ length: 20_000 }, (_, i) => `user-${i}`);
    const canary = users.filter((user) => assignArm('salt', user, 1000) === 'canary');
    expect(canary.length / users.length).toBeCloseTo(0.1, 1);
    expect(canary.every((user) => assignArm('salt', user, 5000) === 'canary')).toBe(true);
    expect(new Set(canary.map((user) => userBucketOf('salt', user))).size).toBe(200);
    expect(users.some((user) => assignArm('salt', user, 0) === 'canary')).toBe(false);
    expect(users.every((user) => assignArm('salt', user, 10_000) === 'canary')).toBe(true);
  });

  it('decide with their own policies', () => {
    const canary = {
      rolloutId: 'ro',
      stage: 1,
      shareBps: 1000,
      policies: baselinePolicies({ creative: { priorClicks: 4 } }),
    };
    const value = (arm: 'champion' | 'canary') =>
      decide({ snapshot: { canary }, context: { arm } }).outputs.counterfactual?.vMicros;
    expect([value('champion'), value('canary')]).toEqual([8_000_000, 4_000_000]);
  });
});

describe('around a decision', () => {
  it('autonomy shares and quarantine keep models away, by request', () => {
    const snapshot = demoSnapshot({ autonomyBps: { budget: 10_000, creative: 0, bid: 5000, frequency: 10_000 } });
    const lists = Array.from({ length: 2000 }, (_, i) => agentsWithoutAutonomy(snapshot, `r-${i}`));
    expect(lists.every((list) => list.includes('creative'))).toBe(true);
    expect(lists.filter((list) => list.includes('bid')).length / 2000).toBeCloseTo(0.5, 1);
    const killed = demoSnapshot({ kill: { level: 'quarantine-agent', agents: ['bid'] } });
    expect(agentsWithoutAutonomy(killed, 'r', ['creative'])).toEqual(['bid', 'creative']);
    expect(agentsWithoutAutonomy(demoSnapshot(), 'r')).toEqual([]);
  });

  it('eligibility ignores campaigns, policies and state', () => {
    const { inputs } = decide({ reserve: () => false });
    expect(isEligible(inputs.request)).toBe(true);
    expect(isEligible({ ...inputs.request, veto: 'coppa' })).toBe(false);
    expect(isEligible(decide({ imp: { banner: undefined } }).inputs.request)).toBe(false);
  });

  it('a shadow prices the same opportunity with its own law', () => {
    const { index, decision } = decide({ policies: { bid: { epsilon: 0 } } });
    const same = shadowAction(index, index.snapshot.champion, decision, Math.fround(MU), SIGMA);
    expect(same).toMatchObject({ bidMicros: decision.outputs.bidMicros, error: null });
    expect(same?.expectedSurplusMicros).toBe(same?.championExpectedSurplusMicros);
    const low = shadowAction(index, index.snapshot.champion, decision, MU - 1, SIGMA);
    expect(low?.bidMicros).toBeLessThan(decision.outputs.bidMicros);
    expect(low?.expectedSurplusMicros).toBeLessThan(same?.expectedSurplusMicros ?? 0);
    expect(shadowAction(index, index.snapshot.champion, decision, Number.NaN, 1)?.error).toBe('not-believable');
    expect(shadowAction(index, index.snapshot.champion, decide({ reserve: () => false }).decision, 0, 1)).toBeNull();
  });
});
