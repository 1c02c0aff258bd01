import { baselinePolicies, demoInventory, demoSnapshot, exchangeOf } from '../../test/fixtures/demo-snapshot';
import { contextOf, freshState, hashUser } from '../../test/fixtures/decision-scene';
import type { Campaign, Creative, PolicySnapshot, ServedIntents } from '../contracts';
import { canonicalJson } from '../contracts/canonical-json';
import { buildServingIndex } from '../matching';
import { normaliseRequest } from '../openrtb';
import { decideRequest, prepareRequest, replayDecision, type StateReader } from './index';

const NOW = Date.UTC(2026, 10, 24, 12);
const LAW = new Float32Array([Math.log(3), 0.5]);
const inventory = demoInventory();
const campaign: Campaign = { ...(inventory.campaigns[0] as Campaign), explorationAllowance: 0.2 };
const model = inventory.creatives.find((one) => one.campaignId === campaign.campaignId) as Creative;
/** Three variants of one size; `v0` has by far the most clicks. */
const creatives = ['v0', 'v1', 'v2'].map((creativeId) => ({ ...model, creativeId, width: 300, height: 250 }));
const creativeStats = Object.fromEntries(
  creatives.map(({ creativeId }, at) => [creativeId, { impressions: 10_000, clicks: at === 0 ? 900 : 500 }]),
);
const SEGMENT = 'demo|300x250';
const later = { expiresAtMs: NOW + 1 };
const none: ServedIntents = { allocations: [], pacing: [], explore: [], conservative: [], saturated: [] };

interface Case {
  intents?: Partial<ServedIntents>;
  epsilon?: number;
  bidEpsilon?: number;
  state?: Partial<StateReader>;
}

function sceneOf({ intents, epsilon = 0.9, bidEpsilon = 0 }: Case) {
  const champion = baselinePolicies({ creative: { epsilon }, bid: { epsilon: bidEpsilon } });
  const agentIntents = intents === undefined ? undefined : { ...none, ...intents };
  const over: Partial<PolicySnapshot> = { campaigns: [campaign], creatives, creativeStats, champion };
  return buildServingIndex(demoSnapshot({ ...over, ...(agentIntents && { agentIntents }) }));
}

/** Decides `count` requests that differ in their draws only. */
function decideMany(change: Case, count = 300) {
  const index = sceneOf(change);
  return Array.from({ length: count }, (_, rngCounter) => {
    const raw = { id: `r${rngCounter}`, site: {}, user: { id: 'u' }, imp: [{ id: '1', banner: { w: 300, h: 250 } }] };
    const request = normaliseRequest(raw, exchangeOf(), index.snapshot.fx, hashUser, index.snapshot.layerSalt);
    const prepared = prepareRequest(
      index,
      request,
      contextOf({ nowMs: NOW, rngCounter: rngCounter + 1, snapshotId: index.snapshot.snapshotId }),
      freshState(change.state),
    );
    const [decision] = decideRequest(index, prepared, LAW, () => true);
    return { index, ...decision! };
  });
}

const shown = (change: Case) => new Set(decideMany(change).map(({ outputs }) => outputs.creativeId));
const rules = (change: Case) =>
  new Set(
    decideMany(change).flatMap(({ outputs }) =>
      outputs.conflicts.map(({ rule, winner, loser }) => `${rule}: ${winner} over ${loser}`),
    ),
  );
const left = (share: number) => ({ explorationLeft: () => share });

describe('frequency.saturated', () => {
  const saturated = [{ creativeId: 'v0', segment: SEGMENT, ...later }];

  it('takes the variant out of the action set, and names the conflict where Creative would have shown it', () => {
    const all = decideMany({ intents: { saturated }, epsilon: 0.3 });
    for (const { outputs } of all) {
      expect(outputs.actionSet).toEqual(['v1', 'v2']);
      expect(outputs.creativeId).not.toBe('v0');
    }
    const overruled = all.filter(({ outputs }) => outputs.conflicts.some(({ rule }) => rule === 'saturated-variant'));
    expect(overruled.length).toBeGreaterThan(150);
    expect(overruled[0]!.outputs.agents?.creative).toMatchObject({ proposal: 'v0', mode: 'overruled' });
    expect(overruled[0]!.outputs.agents?.frequency.reason).toBe('saturated');
    expect(overruled[0]!.outputs.conflicts).toContainEqual({
      rule: 'saturated-variant',
      winner: 'frequency',
      loser: 'creative',
      before: 'v0',
      after: overruled[0]!.outputs.creativeId,
    });
  });

  it('has exact propensities over what is left', () => {
    const all = decideMany({ intents: { saturated }, epsilon: 0.5 }, 4_000);
    for (const id of ['v1', 'v2']) {
      const played = all.filter(({ outputs }) => outputs.creativeId === id);
      const claimed = played[0]!.outputs.propensity!.creative;
      expect(Math.abs(played.length / all.length - claimed)).toBeLessThan(0.03);
    }
  });

  it('is no reason to show nothing: with every variant saturated all stay', () => {
    const every = creatives.map(({ creativeId }) => ({ creativeId, segment: SEGMENT, ...later }));
    expect(shown({ intents: { saturated: every } })).toEqual(new Set(['v0', 'v1', 'v2']));
    expect(rules({ intents: { saturated: every } })).toEqual(new Set());
  });

  it.each([
    ['another segment', { creativeId: 'v0', segment: 'other|300x250', ...later }],
    ['a time that is over', { creativeId: 'v0', segment: SEGMENT, expiresAtMs: NOW }],
  ])('says nothing of %s', (_what, intent) => {
    expect(shown({ intents: { saturated: [intent] }, epsilon: 0.3 })).toContain('v0');
  });
});

describe('bid.conservative', () => {
  const conservative = [{ segment: SEGMENT, ...later }];

  it('leaves Creative the first half of the allowance, with the conflict named in its favour', () => {
    expect(shown({ intents: { conservative }, state: left(0.6) }).size).toBe(3);
    expect(rules({ intents: { conservative }, state: left(0.6) })).toEqual(
      new Set(['exploration-inside-allowance: creative over bid']),
    );
  });

  it('beyond it Creative’s second choice is shown', () => {
    const all = decideMany({ intents: { conservative }, state: left(0.5) });
    expect(new Set(all.map(({ outputs }) => outputs.creativeId))).toEqual(new Set(['v0']));
    expect(all.every(({ outputs }) => outputs.propensity?.creative === 1)).toBe(true);
    const overruled = all.filter(({ outputs }) => outputs.conflicts.length > 0);
    expect(overruled.length).toBeGreaterThan(100);
    expect(overruled[0]!.outputs.conflicts).toEqual([
      { rule: 'conservative-segment', winner: 'bid', loser: 'creative', before: expect.any(String), after: 'v0' },
    ]);
  });

  it('ends when its hour does, and elsewhere never began', () => {
    const over = [{ segment: SEGMENT, expiresAtMs: NOW }];
    expect(shown({ intents: { conservative: over }, state: left(0.4) }).size).toBe(3);
    const elsewhere = [{ segment: 'demo|728x90', ...later }];
    expect(shown({ intents: { conservative: elsewhere }, state: left(0.4) }).size).toBe(3);
  });

  it('makes Bid itself explore no prices there, which is no conflict', () => {
    const all = decideMany({ intents: { conservative }, epsilon: 0, bidEpsilon: 0.5 });
    expect(all.every(({ outputs }) => outputs.propensity?.gridMass === 1)).toBe(true);
    expect(rules({ intents: { conservative }, epsilon: 0, bidEpsilon: 0.5 })).toEqual(new Set());
  });
});

describe('creative.explore', () => {
  const half = [{ campaignId: campaign.campaignId, allowance: 0.1, ...later }];

  it('bounds how much of the allowance variants may use, and leaves prices alone', () => {
    expect(shown({ intents: { explore: half }, state: left(0.51) }).size).toBe(3);
    expect(shown({ intents: { explore: half }, state: left(0.5) })).toEqual(new Set(['v0']));
    const priced = decideMany({ intents: { explore: half }, epsilon: 0, bidEpsilon: 0.5, state: left(0.5) });
    expect(new Set(priced.map(({ outputs }) => outputs.agents?.bid.reason))).toEqual(
      new Set(['argmax', 'exploration']),
    );
  });

  it('never widens it', () => {
    const wide = [{ campaignId: campaign.campaignId, allowance: 0.5, ...later }];
    expect(shown({ intents: { explore: wide }, state: left(0) })).toEqual(new Set(['v0']));
  });
});

test('what was decided under intents is decided again bit for bit from the record', async () => {
  const intents = {
    saturated: [{ creativeId: 'v0', segment: SEGMENT, ...later }],
    conservative: [{ segment: SEGMENT, ...later }],
    explore: [{ campaignId: campaign.campaignId, allowance: 0.15, ...later }],
  };
  for (const { index, inputs, outputs } of decideMany({ intents, state: left(0.7), bidEpsilon: 0.3 }, 50)) {
    const again = await replayDecision(index, [inputs], async () => LAW);
    expect(canonicalJson(again)).toBe(canonicalJson([outputs]));
  }
});
