import type { Arm } from '#domain/contracts';
import { LaneMap } from './lane-map';

const HOUR_MS = 3_600_000;

interface Spend {
  allNanos: number;
  exploredNanos: number;
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
    const lane = this.lanes.get(campaignId, arm);
    if (!lane || lane.allNanos <= 0) return 1;
    if (allowance <= 0) return 0;
    return Math.min(1, Math.max(0, 1 - lane.exploredNanos / (lane.allNanos * allowance)));
  }
}
