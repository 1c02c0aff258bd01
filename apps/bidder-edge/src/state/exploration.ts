import type { Arm } from '#domain/contracts';
import { LaneMap } from './lane-map';

const HOUR_MS = 3_600_000;

/** What a campaign spent lately, and on exploration; nanos. */
export interface ExplorationShare {
  allNanos: number;
  exploredNanos: number;
}

interface Spend extends ExplorationShare {
  atMs: number;
}

/**
 * Share of each campaign's exploration allowance that is still unused: spend on exploratory bids against the allowance of
 * all spend, both exponentially weighted over one hour (agents.md, intent `creative.explore`).
 */
export class Exploration {
  private readonly lanes = new LaneMap<Spend>();

  onBill(campaignId: string, arm: Arm, paidNanos: number, isExploratory: boolean, nowMs: number): void {
    const lane = this.lanes.get(campaignId, arm) ?? { allNanos: 0, exploredNanos: 0, atMs: nowMs };
    const kept = Math.exp(-Math.max(0, nowMs - lane.atMs) / HOUR_MS);
    this.lanes.set(campaignId, arm, {
      allNanos: lane.allNanos * kept + paidNanos,
      exploredNanos: lane.exploredNanos * kept + (isExploratory ? paidNanos : 0),
      atMs: nowMs,
    });
  }

  /** 0..1; 1 before anything was spent. `allowance` is the campaign's share of spend for exploration. */
  left(campaignId: string, arm: Arm, allowance: number): number {
    return allowanceLeft(this.lanes.get(campaignId, arm), allowance);
  }

  /** Every campaign's spend, for threads that bid elsewhere. */
  all(): [campaignId: string, arm: Arm, value: ExplorationShare][] {
    return [...this.lanes.entries()];
  }
}

/** Unused share of the allowance, 0..1. */
export function allowanceLeft(spend: ExplorationShare | undefined, allowance: number): number {
  if (spend === undefined || spend.allNanos <= 0) return 1;
  if (allowance <= 0) return 0;
  return Math.min(1, Math.max(0, 1 - spend.exploredNanos / (spend.allNanos * allowance)));
}
