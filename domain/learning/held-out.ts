import type { WinRow } from './win-row';
import { rowLoss } from './win-likelihood';
import type { PriceLaw } from './win-model';
import { seededRandom } from '../evaluation/seeded-random';

export interface HeldOutLikelihood {
  /** Mean log likelihood per row, higher is better. */
  mean: number;
  standardError: number;
  n: number;
}

/** Splits rows into train and held out, by a draw per row that depends on the seed and its place only. */
export function splitHeldOut<T>(rows: readonly T[], share: number, seed: number): { train: T[]; heldOut: T[] } {
  const rng = seededRandom(seed);
  const train: T[] = [];
  const heldOut: T[] = [];
  for (const row of rows) (rng() < share ? heldOut : train).push(row);
  return { train, heldOut };
}

/** Log likelihood per row of a price law on rows it has not seen. Laws in the rows' order. */
export function heldOutLogLikelihood(laws: readonly PriceLaw[], rows: readonly WinRow[]): HeldOutLikelihood {
  return summarise(rows.map((row, i) => -rowLoss(row, laws[i].mu, laws[i].sigma)));
}

/** Paired difference a − b of two laws on the same rows: what the gate judges. */
export function pairedLikelihood(
  a: readonly PriceLaw[],
  b: readonly PriceLaw[],
  rows: readonly WinRow[],
): HeldOutLikelihood {
  return summarise(rows.map((row, i) => rowLoss(row, b[i].mu, b[i].sigma) - rowLoss(row, a[i].mu, a[i].sigma)));
}

function summarise(values: readonly number[]): HeldOutLikelihood {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, n);
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardError: n > 1 ? Math.sqrt(square / (n - 1) / n) : Infinity, n };
}
