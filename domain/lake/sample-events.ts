import type { DecisionRecord } from '../contracts/decision-record';
import type { NoBidReason } from '../contracts/no-bid-reason';
import type { Outcome } from '../contracts/outcome';
import { WINDOW_FEATURES } from './win-window';

/** Shape of the sample traffic: tests and benches of the lake, never a source of training data. */
export interface SampleTraffic {
  startMs: number;
  requestsPerSecond: number;
  /** Draws in [0, 1). */
  rng: () => number;
  rolloutId?: string;
}

const CAMPAIGNS = ['camp-a', 'camp-b', 'camp-c'];
const USERS = 5_000;
const NO_BIDS: NoBidReason[] = ['below-floor', 'no-candidate', 'too-late', 'internal-error'];

/** Plausible decisions with their outcomes, in the contract's form: `count` requests of one or two impressions. */
export function* sampleEvents(
  traffic: SampleTraffic,
  count: number,
): Generator<{ decision: DecisionRecord; outcomes: Outcome[] }> {
  for (let at = 0; at < count; at += 1) {
    const nowMs = traffic.startMs + Math.floor((at * 1000) / traffic.requestsPerSecond);
    const impressions = traffic.rng() < 0.9 ? 1 : 2;
    const user = Math.floor(traffic.rng() * USERS);
    for (let impIndex = 0; impIndex < impressions; impIndex += 1) {
      const decision = sampleDecision(traffic, { number: at, nowMs, impressions, impIndex, user });
      yield { decision, outcomes: decision.outputs.noBidReason === null ? sampleOutcomes(traffic, decision) : [] };
    }
  }
}

interface SampleRequest {
  number: number;
  nowMs: number;
  impressions: number;
  impIndex: number;
  user: number;
}

function sampleDecision({ rng, rolloutId = '' }: SampleTraffic, request: SampleRequest): DecisionRecord {
  const { number, nowMs, impIndex, user } = request;
  const isBid = rng() < 0.7;
  const campaignId = CAMPAIGNS[Math.floor(rng() * CAMPAIGNS.length)]!;
  const bidMicros = isBid ? 500_000 + Math.floor(rng() * 4_000_000) : 0;
  const mode = rng() < 0.95 ? 'model' : 'baseline';
  const step = (proposal: number | string, how: 'model' | 'baseline') => ({
    proposal,
    chosen: proposal,
    mode: how,
    reason: 'sample',
  });
  return {
    type: 'decision',
    schemaVersion: 1,
    decisionId: `d-${number}-${impIndex}`,
    edgeId: 'edge-1',
    atNs: `${nowMs}000000`,
    inputs: {
      snapshotId: 'snap-1',
      stateVersion: 1,
      nowMs,
      arm: user % 10 === 0 && rolloutId !== '' ? 'canary' : 'champion',
      rolloutId,
      stage: rolloutId === '' ? 0 : 1,
      rngCounter: number,
      impIndex,
      request: sampleRequest(request, rng() < 0.02),
      live: { requestRate: 50, winRate: 0.3, openReservations: 7 },
      candidates: [],
      inferenceMode: 'models',
      quarantined: [],
      timeLeftMs: { match: 100, decide: 99, respond: 98 },
    },
    outputs: {
      noBidReason: isBid ? null : NO_BIDS[Math.floor(rng() * NO_BIDS.length)]!,
      campaignId: isBid ? campaignId : null,
      creativeId: isBid ? `${campaignId}-1` : null,
      size: isBid ? '300x250' : null,
      bidMicros,
      filtered: { geo: 3, 'creative-size': 2 },
      actionSet: isBid ? [`${campaignId}-1`, `${campaignId}-2`] : [],
      losingCampaigns: [],
      agents: isBid
        ? {
            budget: step(1, 'model'),
            creative: step(`${campaignId}-1`, 'baseline'),
            bid: step(bidMicros, mode),
            frequency: step(1, 'baseline'),
          }
        : null,
      propensity: isBid ? { creative: 0.98, gridMass: 0.97, throttle: 1, jointLog: -0.05 } : null,
      counterfactual: isBid ? sampleValue(bidMicros) : null,
      conflicts: [],
      features: Array.from({ length: WINDOW_FEATURES }, () => Math.fround(rng() * 2 - 1)),
    },
    latencyUs: { decode: 20, match: 15, infer: 12, decide: 9, respond: 8 },
    modelVersions: { budget: 'budget-1', creative: 'creative-1', bid: 'bid-1', frequency: 'frequency-1' },
  };
}

function sampleValue(bidMicros: number) {
  return {
    mu: 0.3,
    sigma: 0.5,
    pCtr: 0.08,
    vMicros: 8_000_000,
    vPrimeMicros: 7_000_000,
    psi: 0.9,
    k: 0.97,
    kFrom: 'budget' as const,
    gridIndex: Math.floor(bidMicros / 200_000),
    expectedWinProbability: 0.47,
  };
}

function sampleRequest(
  { number, impressions, user }: SampleRequest,
  isTest: boolean,
): DecisionRecord['inputs']['request'] {
  return {
    requestId: `r-${number}`,
    exchange: 'demo',
    auctionType: 1,
    tmaxMs: 120,
    isTest,
    currencies: ['USD'],
    bidCurrency: 'USD',
    channel: 'site',
    publisher: 'news.example',
    language: 'en',
    country: 'USA',
    deviceType: 2,
    os: 'linux',
    isMobile: false,
    userKey: user % 20 === 19 ? null : user.toString(16).padStart(16, '0'),
    userBucket: user % 20 === 19 ? null : user % 200,
    segments: [],
    contentCategories: [],
    allowedCategories: [],
    blockedCategories: [],
    blockedAdvertisers: [],
    allowedSeats: [],
    blockedSeats: [],
    veto: user % 50 === 49 ? 'no-consent' : null,
    impressions: Array.from({ length: impressions }, (_, at) => ({
      impId: String(at + 1),
      sizes: [{ w: 300, h: 250 }],
      veto: null,
      floorMicros: 250_000,
      isSecure: true,
      isInterstitial: false,
      position: 1,
      blockedAttributes: [],
      blockedTypes: [],
      mimes: [],
    })),
  };
}

function sampleOutcomes({ rng }: SampleTraffic, decision: DecisionRecord): Outcome[] {
  const { inputs, outputs } = decision;
  const notice = (kind: Outcome['kind'], delayMs: number, more: Partial<Outcome> = {}): Outcome => ({
    type: 'outcome',
    schemaVersion: 1,
    outcomeId: `${decision.decisionId}-${kind}`,
    kind,
    decisionId: decision.decisionId,
    atMs: inputs.nowMs + delayMs,
    edgeId: decision.edgeId,
    exchange: inputs.request.exchange,
    campaignId: outputs.campaignId ?? '',
    creativeId: outputs.creativeId ?? '',
    arm: inputs.arm,
    rolloutId: inputs.rolloutId,
    stage: inputs.stage,
    userBucket: inputs.request.userBucket ?? -1,
    decidedAtMs: inputs.nowMs,
    priceNanos: 0,
    valueNanos: 0,
    minToWinMicros: null,
    lossReason: null,
    reservationLive: true,
    isTest: inputs.request.isTest,
    isRepeat: inputs.nowMs % 7 === 0,
    country: inputs.request.country,
    deviceType: inputs.request.deviceType,
    ...more,
  });
  const rivalMicros = 500_000 + Math.floor(rng() * 4_000_000);
  if (rivalMicros > outputs.bidMicros) {
    return rng() < 0.5 ? [notice('loss', 80, { minToWinMicros: rivalMicros, lossReason: 102 })] : [];
  }
  const paid = { priceNanos: outputs.bidMicros };
  const events = [notice('win', 60, { ...paid, minToWinMicros: rivalMicros }), notice('bill', 120, paid)];
  if (rng() < 0.08) events.push(notice('click', 1_000, { valueNanos: 100_000_000 }));
  if (events.length === 3 && rng() < 0.2) events.push(notice('conversion', 2_000, { valueNanos: 500_000_000 }));
  return events;
}
