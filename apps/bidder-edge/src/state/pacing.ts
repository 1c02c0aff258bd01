import { initialPacing, stepPacing, trafficClock, type PacingState } from '#domain/agents/budget';
import type { ZoneClock } from '#domain/calendar';
import type { Arm, BudgetParams } from '#domain/contracts';
import { LaneMap } from './lane-map';

/** Where a controller that starts anew begins: the fleet's `pacing.target`, or null for 1. */
export type PacingStart = (campaignId: string) => { multiplier: number; passThrough: number } | null;

/** What the Budget agent steers one campaign and arm by; nanos. */
export interface PacingPlan {
  campaignId: string;
  arm: Arm;
  day: string;
  planNanos: number;
  spentNanos: number;
}

export const UNPACED = { multiplier: 1, passThrough: 1 };

/** The Budget agent's controllers of this edge, one per campaign and arm, stepped once a second. */
export class Pacing {
  private readonly states = new LaneMap<PacingState>();

  /** One step of every lane with a plan. `paramsOf` answers the arm's policy for the campaign, `clockOf` the campaign's calendar. */
  step(
    plans: readonly PacingPlan[],
    nowMs: number,
    paramsOf: (arm: Arm, campaignId: string) => BudgetParams | null,
    clockOf: (campaignId: string) => ZoneClock | null,
    startOf: PacingStart = () => null,
  ): void {
    for (const plan of plans) {
      const params = paramsOf(plan.arm, plan.campaignId);
      const local = clockOf(plan.campaignId)?.at(nowMs);
      if (!params || !local) continue;
      const start = startOf(plan.campaignId) ?? UNPACED;
      const previous = this.states.get(plan.campaignId, plan.arm) ?? { ...initialPacing(local.day, nowMs), ...start };
      const clock = trafficClock(params.trafficShares, local.weekday, local.hour, local.msIntoHour);
      // Spend of a plan that belongs to another local day says nothing about today's.
      const spentNanos = plan.day === local.day ? plan.spentNanos : 0;
      const input = { nowMs, day: local.day, clock, planNanos: plan.planNanos, spentNanos };
      this.states.set(plan.campaignId, plan.arm, stepPacing(params, previous, input));
    }
  }

  /** Every controller's output, for threads that bid elsewhere. */
  all(): [campaignId: string, arm: Arm, value: { multiplier: number; passThrough: number }][] {
    return [...this.states.entries()].map(([campaignId, arm, { multiplier, passThrough }]) => [
      campaignId,
      arm,
      { multiplier, passThrough },
    ]);
  }

  read(campaignId: string, arm: Arm): { multiplier: number; passThrough: number } {
    return this.states.get(campaignId, arm) ?? UNPACED;
  }
}
