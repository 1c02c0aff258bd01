import type { WinRow } from './win-row';
import { WIN_NET } from './win-model';

/**
 * A feature that hardly moved in the window has nothing to teach: dividing by its tiny deviation would turn the first real
 * movement after the window (traffic doubles, a region appears) into dozens of standard deviations. Below this deviation the
 * feature is switched off (scale 0); below the floor it is scaled by the floor.
 */
const DEAD_DEVIATION = 1e-3;
const DEVIATION_FLOOR = 0.25;

/** Mean and scale per feature over the rows. */
export function fitNormaliser(rows: readonly WinRow[]): { mean: Float64Array; scale: Float64Array } {
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
  // The weights end as 32-bit floats in the artifact: rounding the normaliser now keeps trainer and artifact alike.
  return { mean: mean.map(Math.fround), scale: scale.map(Math.fround) };
}
