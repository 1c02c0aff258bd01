import {
  driftCounts,
  populationStability,
  stabilityNullQuantile,
  type DriftBins,
} from '../evaluation/population-stability';

/** Bins of one input or output of a model, frozen with it. */
export type NamedBins = DriftBins & { name: string };

/** How far one of them has moved: effect and significance are said apart, because with many rows everything is significant. */
export interface FeatureDrift {
  name: string;
  psi: number;
  /** What the PSI of two samples of one law stays below in 99.9 of 100 cases. */
  nullQuantile: number;
  effect: 'none' | 'moderate' | 'large';
  isSignificant: boolean;
  n: number;
}

/** Drift of a model's inputs and predictions in one window. */
export interface ModelDrift {
  modelVersionId: string;
  n: number;
  /** The worst few, worst first. */
  worst: FeatureDrift[];
  /** Names of those that drifted: large effect, and significant. */
  drifted: string[];
  reason: string;
}

const EFFECT = { moderate: 0.1, large: 0.25 };
const LEVEL = 0.999;
/** Below so many rows nothing is said. */
export const MIN_DRIFT_ROWS = 500;
const WORST = 5;

/**
 * Inputs that follow the clock or the process's load: a short window differs from a day of training by construction.
 */
export const DRIFT_IGNORED: readonly string[] = [
  'hourSin',
  'hourCos',
  'isWeekend',
  'lnRequestRate',
  'lnOpenReservations',
];

/** PSI of `values` against frozen bins. */
export function featureDrift(bins: NamedBins, values: ArrayLike<number>): FeatureDrift {
  const counts = driftCounts(bins.edges, values);
  const n = counts.reduce((a, b) => a + b, 0);
  const psi =
    n === 0
      ? 0
      : populationStability(
          bins.shares,
          counts.map((count) => count / n),
        );
  const nullQuantile = n === 0 ? Number.MAX_VALUE : stabilityNullQuantile(bins.shares.length, bins.n, n, LEVEL);
  const effect = psi >= EFFECT.large ? 'large' : psi >= EFFECT.moderate ? 'moderate' : 'none';
  return { name: bins.name, psi, nullQuantile, effect, isSignificant: psi > nullQuantile, n };
}

/** Joins the drifts of a model's inputs and predictions. */
export function modelDrift(modelVersionId: string, drifts: readonly FeatureDrift[], n: number): ModelDrift {
  const enough = n >= MIN_DRIFT_ROWS;
  const sorted = [...drifts].sort((a, b) => b.psi - a.psi);
  const drifted = enough ? sorted.filter((d) => d.effect === 'large' && d.isSignificant) : [];
  const worst = sorted.slice(0, WORST);
  const names = drifted.map(
    (d) => `${d.name} (PSI ${d.psi.toFixed(3)}, chance stays below ${d.nullQuantile.toFixed(3)})`,
  );
  const reason = !enough
    ? `${n} rows, ${MIN_DRIFT_ROWS} are needed to speak of drift`
    : drifted.length > 0
      ? `inputs of ${modelVersionId} drifted: ${names.slice(0, WORST).join(', ')}`
      : `no large drift in ${n} rows; largest PSI ${worst[0] ? `${worst[0].psi.toFixed(3)} of ${worst[0].name}` : 'of none'}`;
  return { modelVersionId, n, worst, drifted: drifted.map((d) => d.name), reason };
}
