import { initialPacing, stepPacing, trafficClock, type PacingState } from '../agents/budget';
import { assignArm, agentsWithoutAutonomy, decideRequest, isEligible, prepareRequest } from '../coordination';
import type { Infer, StateReader } from '../coordination';
import type { DecisionOutputs } from '../contracts/decision-record';
import type { NormalisedRequest } from '../contracts/normalised-request';
import type { PolicySnapshot } from '../contracts/policy-snapshot';
import { buildServingIndex, type ServingIndex } from '../matching';
import type { WinRow } from '../learning/win-row';
import { normaliseRequest } from '../openrtb';
import { hashText } from '../random';
import { Market, type MarketAuction } from './market';
import type { Scenario } from './scenario';

/** A policy to put on the market: a snapshot and what runs its bid model (null: baselines). */
export interface MarketArm {
  snapshot: PolicySnapshot;
  infer: Infer | null;
}

/** Sums of one arm. Money in nanos. `expectedValueNanos` uses true click probabilities instead of the drawn clicks. */
export interface ArmSums {
  requests: number;
  eligible: number;
  bids: number;
  wins: number;
  clicks: number;
  conversions: number;
  spendNanos: number;
  valueNanos: number;
  expectedValueNanos: number;
  fallbacks: number;
}

/** Sums per user bucket, so that the effect's interval can be taken over users. */
export interface ArmRun {
  sums: ArmSums;
  /** [eligible, expectedValueNanos] per user bucket. */
  buckets: Float64Array;
}

export interface SimulationOptions {
  auctions: number;
  regime?: string;
  /** Receives every bid as a row of training data, as a log would show it. */
  onRow?: (row: WinRow) => void;
  /** Called every few hundred auctions with the number done; may throw to cancel. */
  onProgress?: (done: number) => Promise<void>;
}

export const SIMULATION_BUCKETS = 200;
/** Auctions between two calls of `onProgress`. */
const BREATH = 250;
const DAY_MS = 86_400_000;
const RATE_OF_NEW = 0.02;
/** Budget that never binds: a gate of minutes says nothing about a day's budget. */
const AMPLE_NANOS = Number.MAX_SAFE_INTEGER;

export const zeroSums = (): ArmSums => ({
  requests: 0,
  eligible: 0,
  bids: 0,
  wins: 0,
  clicks: 0,
  conversions: 0,
  spendNanos: 0,
  valueNanos: 0,
  expectedValueNanos: 0,
  fallbacks: 0,
});

/** Runs one arm through `auctions` auctions of the seeded market, through the same functions as the edge. */
export async function simulateArm(
  scenario: Scenario,
  arm: MarketArm,
  seed: number,
  options: SimulationOptions,
): Promise<ArmRun> {
  const market = new Market(scenario, seed, options.regime);
  const world = new ArmWorld(market, arm, options.onRow);
  const startMs = Date.parse(scenario.startAt);
  for (let n = 0; n < options.auctions; n++) {
    await world.play(market.next(), Math.floor(startMs + (n * 1000) / market.requestsPerSecond));
    if (n % BREATH === BREATH - 1) await options.onProgress?.(n + 1);
  }
  return world.run;
}

/** State of one arm on the market: what the edge keeps in its own state, in plain maps. */
class ArmWorld implements StateReader {
  readonly run: ArmRun = { sums: zeroSums(), buckets: new Float64Array(2 * SIMULATION_BUCKETS) };
  private readonly index: ServingIndex;
  private readonly exposures = new Map<string, number>();
  private readonly pacingStates = new Map<string, PacingState>();
  private readonly spent = new Map<string, number>();
  private readonly openUntil: number[] = [];
  private readonly winRates = new Map<string, number>();
  private nowMs = 0;
  private pacedAtMs = 0;

  constructor(
    private readonly market: Market,
    private readonly arm: MarketArm,
    private readonly onRow?: (row: WinRow) => void,
  ) {
    this.index = buildServingIndex(arm.snapshot);
  }

  pacing(campaignId: string): { multiplier: number; passThrough: number } {
    const state = this.pacingStates.get(campaignId);
    return { multiplier: state?.multiplier ?? 1, passThrough: state?.passThrough ?? 1 };
  }

  freeNanos(): number {
    return AMPLE_NANOS;
  }

  capCount(): number {
    // Runs last minutes; hard caps of hours are the edge's and are tested there.
    return 0;
  }

  exposures24h(creativeId: string, userKey: string): number {
    return this.exposures.get(`${creativeId}|${userKey}`) ?? 0;
  }

  explorationLeft(): number {
    return 1;
  }

  /** One auction: request in, decision, settlement. */
  async play(auction: MarketAuction, nowMs: number): Promise<void> {
    this.nowMs = nowMs;
    this.stepPacingOnceASecond();
    const { snapshot } = this.arm;
    const settings = snapshot.exchanges[auction.exchange];
    const request = normaliseRequest(auction.request, settings, snapshot.fx, pseudonym, snapshot.layerSalt);
    const { sums } = this.run;
    sums.requests++;
    const eligible = isEligible(request) && request.userBucket !== null;
    if (eligible) {
      sums.eligible++;
      this.run.buckets[2 * (request.userBucket ?? 0)]++;
    }
    const prepared = prepareRequest(this.index, request, this.context(auction), this);
    const infer = this.arm.infer;
    const law = infer && prepared.rowCount > 0 ? await infer(prepared.rows, prepared.rowCount) : null;
    for (const { outputs } of decideRequest(this.index, prepared, law, () => true)) {
      if (outputs.campaignId === null) continue;
      if (outputs.agents?.bid.mode !== 'model') sums.fallbacks++;
      this.settle(auction, outputs, request);
    }
  }

  private settle(auction: MarketAuction, outputs: DecisionOutputs, request: NormalisedRequest): void {
    const { sums, buckets } = this.run;
    const { userKey, userBucket } = request;
    const campaignId = outputs.campaignId!;
    const creativeId = outputs.creativeId!;
    const seen = userKey === null ? 0 : this.exposures24h(creativeId, userKey);
    const result = this.market.resolve(auction, outputs.bidMicros, seen);
    this.onRow?.({
      features: outputs.features,
      bidMicros: outputs.bidMicros,
      won: result.won,
      minToWinMicros: auction.disclosesMinToWin ? result.minToWinMicros : null,
    });
    sums.bids++;
    this.openUntil.push(this.nowMs + this.market.scenario.notices.delayMs);
    const rate = this.winRates.get(auction.exchange) ?? 0;
    this.winRates.set(auction.exchange, rate + RATE_OF_NEW * ((result.won ? 1 : 0) - rate));
    if (!result.won) return;
    sums.wins++;
    sums.spendNanos += result.clearingMicros;
    this.spent.set(campaignId, (this.spent.get(campaignId) ?? 0) + result.clearingMicros);
    if (userKey !== null) this.exposures.set(`${creativeId}|${userKey}`, seen + 1);
    const goal = this.goalNanos(campaignId);
    const expected = result.clickProbability * goal.perClick(this.market.scenario.response.conversionRate);
    sums.expectedValueNanos += expected;
    if (userBucket !== null) buckets[2 * userBucket + 1] += expected;
    if (result.clicked) sums.clicks++;
    if (result.converted) sums.conversions++;
    sums.valueNanos += (result.clicked ? goal.click : 0) + (result.converted ? goal.conversion : 0);
  }

  private goalNanos(campaignId: string): { click: number; conversion: number; perClick: (rate: number) => number } {
    const goal = this.arm.snapshot.campaigns.find((campaign) => campaign.campaignId === campaignId)!.goal;
    if (goal.kind === 'cpc') {
      return { click: goal.amountMicros * 1000, conversion: 0, perClick: () => goal.amountMicros * 1000 };
    }
    const conversion = (goal.conversionValueMicros ?? goal.targetMicros) * 1000;
    return { click: 0, conversion, perClick: (rate) => rate * conversion };
  }

  private context(auction: MarketAuction) {
    const { snapshot } = this.arm;
    while (this.openUntil.length > 0 && this.openUntil[0] <= this.nowMs) this.openUntil.shift();
    return {
      snapshotId: snapshot.snapshotId,
      stateVersion: 0,
      nowMs: this.nowMs,
      arm: assignArm(snapshot.layerSalt, auction.user.id, 0),
      rolloutId: '',
      stage: -1,
      rngCounter: auction.number,
      live: {
        requestRate: this.market.requestsPerSecond,
        winRate: this.winRates.get(auction.exchange) ?? 0,
        openReservations: this.openUntil.length,
      },
      engine: 'onnx' as const,
      inferenceMode: this.arm.infer === null ? ('heuristics' as const) : ('models' as const),
      quarantined: agentsWithoutAutonomy(snapshot, String(auction.request.id)),
      timeLeftMs: { match: 100, decide: 100, respond: 100 },
    };
  }

  /** The run starts on plan: what the day had spent before is taken from the clock. */
  private stepPacingOnceASecond(): void {
    if (this.nowMs - this.pacedAtMs < 1000) return;
    this.pacedAtMs = this.nowMs;
    const params = this.arm.snapshot.champion.budget.params;
    const date = new Date(this.nowMs);
    const weekday = (date.getUTCDay() + 6) % 7;
    const clock = trafficClock(params.trafficShares, weekday, date.getUTCHours(), this.nowMs % 3_600_000);
    const day = String(Math.floor(this.nowMs / DAY_MS));
    for (const { campaignId, dailyBudgetMicros } of this.arm.snapshot.campaigns) {
      const planNanos = dailyBudgetMicros * 1000;
      const tuned = this.index.campaignById.get(campaignId)?.tuned.champion.budget ?? params;
      const before = this.startClock.get(campaignId) ?? clock;
      this.startClock.set(campaignId, before);
      const state = this.pacingStates.get(campaignId) ?? initialPacing(day, this.nowMs);
      const spentNanos = before * planNanos + (this.spent.get(campaignId) ?? 0);
      this.pacingStates.set(
        campaignId,
        stepPacing(tuned, state, { nowMs: this.nowMs, day, clock, planNanos, spentNanos }),
      );
    }
  }

  private readonly startClock = new Map<string, number>();
}

/** Stands in for the edge's keyed hash: there is nothing to hide about simulated people. */
const pseudonym = (id: string): string => hashText(id).toString(16).padStart(16, '0');
