import type { WinRow } from './win-row';
import { INPUT_CLIP, WIN_NET, type WinModel } from './win-model';

/**
 * A feature that hardly moved in the window has nothing to teach: all features are of order 1 (domain/features), so a smaller
 * deviation is noise, such as the wobble of a steady request rate (0.01). Dividing by it would turn the first real movement after
 * the window (traffic doubles, a region appears) into dozens of standard deviations. Below this deviation the feature is switched
 * off (scale 0); below the floor it is scaled by the floor.
 */
const DEAD_DEVIATION = 0.05;
const DEVIATION_FLOOR = 0.25;
/** Share of the window's values beyond the clamps on either side. */
const BEYOND = 0.002;
/** Quantiles come from at most so many rows, evenly spread: sorting a long window would hold up heartbeats. */
const QUANTILE_ROWS = 8192;

/**
 * Mean, scale and clamps per feature over the rows. The clamps end extrapolation: a net that saw 150 requests/s only would otherwise
 * move its price by 5 to 10 % at 375 along weights that no row ever trained.
 */
export function fitNormaliser(rows: readonly WinRow[]): Pick<WinModel, 'mean' | 'scale' | 'low' | 'high'> {
  const mean = new Float64Array(WIN_NET.inputs);
  const square = new Float64Array(WIN_NET.inputs);
  rows.forEach((row, n) => {
    for (let i = 0; i < WIN_NET.inputs; i++) {
      const delta = row.features[i] - mean[i];
      mean[i] += delta / (n + 1);
      square[i] += delta * (row.features[i] - mean[i]);
    }
  });
  const scale = square.map((sum) => {
    const deviation = Math.sqrt(sum / Math.max(1, rows.length));
    return deviation < DEAD_DEVIATION ? 0 : 1 / Math.max(deviation, DEVIATION_FLOOR);
  });
  const low = new Float64Array(WIN_NET.inputs);
  const high = new Float64Array(WIN_NET.inputs);
  for (let i = 0; i < WIN_NET.inputs; i++) {
    const [least, most] = seenRange(rows, i);
    low[i] = Math.max(-INPUT_CLIP, (least - mean[i]) * scale[i]);
    high[i] = Math.min(INPUT_CLIP, (most - mean[i]) * scale[i]);
  }
  // The weights end as 32-bit floats in the artifact: rounding the normaliser now keeps trainer and artifact alike.
  const [m, s, l, h] = [mean, scale, low, high].map((values) => values.map(Math.fround));
  return { mean: m, scale: s, low: l, high: h };
}

function seenRange(rows: readonly WinRow[], feature: number): [number, number] {
  const stride = Math.max(1, Math.ceil(rows.length / QUANTILE_ROWS));
  const values = Float64Array.from(
    { length: Math.ceil(rows.length / stride) },
    (_, n) => rows[n * stride].features[feature],
  );
  values.sort();
  const cut = Math.floor(BEYOND * (values.length - 1));
  return [values[cut], values[values.length - 1 - cut]];
}
