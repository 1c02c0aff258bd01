import type { BudgetParams } from '../../contracts/agent';

/** State of the PID for one campaign, arm and local day. */
export interface PacingState {
  /** m, and p_t. */
  multiplier: number;
  passThrough: number;
  /** Integral of e/B over the clock, and the last e/B and clock reading. */
  integral: number;
  lastError: number;
  lastClock: number;
  updatedAtMs: number;
  /** Local day that the state belongs to. */
  day: string;
}

/** What one step sees: the arm's plan for the local day and what it has spent, nanos. */
export interface PacingInput {
  nowMs: number;
  day: string;
  /** τ: predicted share of the day's traffic that has passed, 0..1. */
  clock: number;
  planNanos: number;
  spentNanos: number;
}

export declare function initialPacing(day: string, nowMs: number): PacingState;

/** One step of the PID; call it every second. */
export declare function stepPacing(params: BudgetParams, state: PacingState, input: PacingInput): PacingState;

/** τ at a local time: predicted cumulative share of the day's traffic. */
export declare function trafficClock(trafficShares: readonly number[], weekday: number, msIntoDay: number): number;
