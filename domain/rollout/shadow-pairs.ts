import { estimateRatioOf, type UnitTotals } from '../evaluation/ratio-metric';
import { studentTwoSidedQuantile } from '../evaluation/student-t';

/** Two-sided level of the intervals shown with a shadow's evidence. */
const ALPHA = 0.05;

/** Mean with its standard error and 95 % interval; the units are users (hash buckets of them), not requests. */
export interface ShadowMean {
  mean: number;
  standardError: number;
  lower: number;
  upper: number;
}

/** What a shadow did against the champion on the same requests. */
export interface ShadowPairs {
  /** Decisions that the shadow could take, and the users they belong to (a request without a user counts as one). */
  n: number;
  users: number;
  /** (candidate's bid − champion's bid) / champion's bid; null with fewer than two users. */
  bidRatio: ShadowMean | null;
  /** Candidate's minus champion's expected surplus, CPM micros, both under the champion's win law. */
  surplusMicros: ShadowMean | null;
  latency: ShadowLatency;
  /** Null for a candidate that predicts no win. */
  calibration: ShadowCalibration | null;
}

/** Model stage of both on the same requests, by the same process: model run and pricing, waiting in the event loop included. */
export interface ShadowLatency {
  /** Decisions whose record tells the champion's latency. */
  n: number;
  championUsP99: number;
  budgetUs: number;
  /** Of the `n`, how many took the candidate longer than the budget. */
  overBudget: number;
}

/** How far a law's predictions are from what was won. */
export interface WinMiss {
  /** Observed wins per predicted win. */
  ratio: ShadowMean;
  /** Observed minus predicted win share. */
  difference: ShadowMean;
}

/** Predicted against observed wins at the champion's actual price, on first-price bids whose outcome is mature. */
export interface ShadowCalibration {
  verdict: 'within' | 'beyond' | 'no-data';
  n: number;
  predictedWinShare: number;
  observedWinShare: number;
  /** Null without enough data; the champion's also when a heuristic decided some of the bids. */
  candidate: WinMiss | null;
  champion: WinMiss | null;
  /** Expected calibration error over ten bins of the prediction, weighted by their bids. */
  ece: number;
}

/**
 * Σ numerators / Σ denominators over independent units with its t interval (delta method over the units, as for the canary's metrics);
 * null with fewer than two units. Valid for one look: nothing is decided on it.
 */
export function shadowMean(units: readonly UnitTotals[]): ShadowMean | null {
  const estimate = estimateRatioOf(units);
  if (estimate === null) return null;
  const standardError = Math.sqrt(estimate.variance);
  const half = standardError === 0 ? 0 : studentTwoSidedQuantile(ALPHA, estimate.n - 1) * standardError;
  return { mean: estimate.ratio, standardError, lower: estimate.ratio - half, upper: estimate.ratio + half };
}
