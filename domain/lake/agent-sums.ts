import { REPEAT_EXPOSURES } from '../agents/frequency';
import { TICK_MS } from '../contracts/agent-intents';
import type { Arm } from '../contracts/agent';
import type { DecisionRecord } from '../contracts/decision-record';
import type { Outcome } from '../contracts/outcome';

const HOUR_MS = 3_600_000;

/** Conflicts between agents in one hour of decision time. */
export interface ConflictHour {
  cell: string;
  hourMs: number;
  arm: Arm;
  rule: string;
  winner: string;
  loser: string;
  conflicts: number;
}

/** One creative on one exchange in one hour of decision time. */
export interface CreativeHour {
  cell: string;
  hourMs: number;
  exchange: string;
  creativeId: string;
  bids: number;
  repeats: number;
  impressions: number;
  clicks: number;
  valueNanos: number;
  spendNanos: number;
}
export const CREATIVE_HOUR_SUMS = ['bids', 'repeats', 'impressions', 'clicks', 'valueNanos', 'spendNanos'] as const;

/** Where the Budget agent stood for one campaign in one tick, summed over bids in millionths. */
export interface PacingTick {
  cell: string;
  tickMs: number;
  campaignId: string;
  bids: number;
  multiplierPpm: number;
  passThroughPpm: number;
}
export const PACING_TICK_SUMS = ['bids', 'multiplierPpm', 'passThroughPpm'] as const;

export interface AgentDelta {
  conflicts: ConflictHour[];
  creatives: CreativeHour[];
  pacing: PacingTick[];
}

/** Adds up what agents' slow decisions read. Events must be unique; test traffic counts nowhere; integers only. */
export class AgentSums {
  private readonly conflicts = new Map<string, ConflictHour>();
  private readonly creatives = new Map<string, CreativeHour>();
  private readonly pacing = new Map<string, PacingTick>();

  constructor(private readonly cell: string) {}

  addDecision({ inputs, outputs }: DecisionRecord): void {
    const { request, nowMs, arm } = inputs;
    if (request.isTest) return;
    const hourMs = floorTo(nowMs, HOUR_MS);
    for (const { rule: named, winner, loser } of outputs.conflicts) {
      // Some rules name their campaign after a colon; the sums are over all of them.
      const rule = named.split(':', 1)[0] as string;
      const key = { cell: this.cell, hourMs, arm, rule, winner, loser };
      entry(this.conflicts, key, () => ({ ...key, conflicts: 0 })).conflicts += 1;
    }
    const { creativeId, campaignId, noBidReason } = outputs;
    if (noBidReason !== null || creativeId === null || campaignId === null) return;
    const state = inputs.candidates.find((candidate) => candidate.campaignId === campaignId);
    const sums = this.creative(hourMs, request.exchange, creativeId);
    sums.bids += 1;
    if ((state?.exposures24h[creativeId] ?? 0) >= REPEAT_EXPOSURES) sums.repeats += 1;
    if (state === undefined) return;
    const key = { cell: this.cell, tickMs: floorTo(nowMs, TICK_MS), campaignId };
    const tick = entry(this.pacing, key, () => ({ ...key, bids: 0, multiplierPpm: 0, passThroughPpm: 0 }));
    tick.bids += 1;
    tick.multiplierPpm += Math.round(state.pacingMultiplier * 1e6);
    tick.passThroughPpm += Math.round(state.passThrough * 1e6);
  }

  addOutcome(outcome: Outcome): void {
    const { kind } = outcome;
    if (outcome.isTest || (kind !== 'bill' && kind !== 'click' && kind !== 'conversion')) return;
    const sums = this.creative(floorTo(outcome.decidedAtMs, HOUR_MS), outcome.exchange, outcome.creativeId);
    if (kind === 'bill') {
      sums.impressions += 1;
      sums.spendNanos += outcome.priceNanos;
      return;
    }
    if (kind === 'click') sums.clicks += 1;
    sums.valueNanos += outcome.valueNanos;
  }

  /** All rows in key order, so that concurrent writers lock rows in one order. */
  delta(): AgentDelta {
    return { conflicts: inOrder(this.conflicts), creatives: inOrder(this.creatives), pacing: inOrder(this.pacing) };
  }

  private creative(hourMs: number, exchange: string, creativeId: string): CreativeHour {
    const key = { cell: this.cell, hourMs, exchange, creativeId };
    const zero = { bids: 0, repeats: 0, impressions: 0, clicks: 0, valueNanos: 0, spendNanos: 0 };
    return entry(this.creatives, key, () => ({ ...key, ...zero }));
  }
}

const floorTo = (atMs: number, lengthMs: number) => Math.floor(atMs / lengthMs) * lengthMs;

function entry<T>(map: Map<string, T>, key: Record<string, string | number>, make: () => T): T {
  const joined = Object.values(key).join('\u001f');
  let found = map.get(joined);
  if (found === undefined) map.set(joined, (found = make()));
  return found;
}

const inOrder = <T>(map: Map<string, T>): T[] =>
  [...map.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
