import { TUNED_GAINS } from '#domain/agents/budget';
import type { ArtifactRef, BidParams, PolicyBundle, PolicySnapshot } from '#domain/contracts/index';

/** Exploration that trains the shipped champion: wide enough to see both sides of every price. */
export const TRAINING_BID_PARAMS: BidParams = {
  gridPoints: 32,
  epsilon: 0.5,
  sigmaExplore: 0.5,
  muBounds: [-4, 5],
  sigmaBounds: [0.05, 3],
};

/** Serving parameters of the Bid agent (agents.md, weights: ε_b 0.03, σ_b 0.2). */
export const SERVING_BID_PARAMS: BidParams = { ...TRAINING_BID_PARAMS, epsilon: 0.03, sigmaExplore: 0.2 };

/** The four shipped policies; without an artifact the Bid agent runs its shading table. */
export function demoPolicies(bid: BidParams, artifact: ArtifactRef | null): PolicyBundle {
  return {
    budget: {
      modelVersionId: 'budget-shipped-1',
      agent: 'budget',
      kind: 'model',
      artifact: null,
      params: {
        ...TUNED_GAINS,
        clip: 1.5,
        slewUpPerMinute: 0.05,
        slewDownPerMinute: 0.2,
        band: 0.01,
        kMin: 0.1,
        kMax: 3,
        trafficShares: Array.from({ length: 168 }, () => 1 / 168),
      },
    },
    creative: {
      modelVersionId: 'creative-shipped-1',
      agent: 'creative',
      kind: 'baseline',
      artifact: null,
      params: { epsilon: 0.03, priorClicks: 80, priorImpressions: 1000, conversionRate: 0.2 },
    },
    bid: {
      modelVersionId: artifact ? `bid-shipped-${artifact.sha256.slice(0, 12)}` : 'bid-baseline-1',
      agent: 'bid',
      kind: artifact ? 'model' : 'baseline',
      artifact,
      params: bid,
    },
    frequency: {
      modelVersionId: 'frequency-shipped-1',
      agent: 'frequency',
      kind: 'baseline',
      artifact: null,
      params: { base: 0.9 },
    },
  };
}

type Inventory = Pick<PolicySnapshot, 'campaigns' | 'creatives' | 'fx'>;

/** Days' worth of budget that a shipped edge may spend alone. */
const STANDALONE_SHARE = 1;

const exchange = (name: string, auctionType: 1 | 2, disclosesMinToWin: boolean) => ({
  exchange: name,
  auctionType,
  currency: 'USD',
  networkAllowanceMs: 20,
  defaultTmaxMs: 150,
  priceEncoding: 'plain' as const,
  seat: 'adloop',
  disclosesMinToWin,
});

/** The snapshot that is shipped, and that scripts and benches build markets from. */
export function demoSnapshot(inventory: Inventory, champion: PolicyBundle, issuedAtMs: number): PolicySnapshot {
  return {
    schemaVersion: 1,
    snapshotId: 'snap_shipped',
    version: 1,
    issuedAtMs,
    fleet: 'demo',
    cell: 'default',
    layerSalt: 'demo-layer-1',
    rngSeed: 20_261_124,
    champion,
    canary: null,
    shadows: [],
    campaigns: inventory.campaigns,
    creatives: inventory.creatives,
    creativeStats: {},
    shadingTable: { '*': 0.6 },
    exchanges: { demo: exchange('demo', 1, true), demo2: exchange('demo2', 2, false) },
    fx: inventory.fx,
    autonomyBps: { budget: 10_000, creative: 10_000, bid: 10_000, frequency: 10_000 },
    kill: { level: 'none', agents: [] },
    standaloneGrantNanos: Object.fromEntries(
      inventory.campaigns.map((campaign) => [
        campaign.campaignId,
        campaign.dailyBudgetMicros * 1000 * STANDALONE_SHARE,
      ]),
    ),
  };
}
