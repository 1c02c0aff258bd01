import { lnPrice, type WinRow } from './win-row';

const SQRT_HALF = Math.SQRT1_2;
const INV_SQRT_2PI = 0.3989422804014327;
const LN_SQRT_2PI = 0.9189385332046727;

/** erfc(u)·e^(u²) for u >= 0, relative error below 1.2e-7 (Numerical Recipes, 6.2, Chebyshev fit). */
function erfcx(u: number): number {
  const t = 1 / (1 + 0.5 * u);
  const p =
    -1.26551223 +
    t *
      (1.00002368 +
        t *
          (0.37409196 +
            t *
              (0.09678418 +
                t *
                  (-0.18628806 +
                    t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  return t * Math.exp(p);
}

/** ln Φ(z), finite down to z = −1e7. */
export function lnNormalCdf(z: number): number {
  if (z < 0) return Math.log(0.5 * erfcx(-z * SQRT_HALF)) - 0.5 * z * z;
  return Math.log1p(-0.5 * erfcx(z * SQRT_HALF) * Math.exp(-0.5 * z * z));
}

/** φ(z)/Φ(z), the inverse Mills ratio that both censored gradients need. */
export function millsRatio(z: number): number {
  if (z < 0) return INV_SQRT_2PI / (0.5 * erfcx(-z * SQRT_HALF));
  const density = INV_SQRT_2PI * Math.exp(-0.5 * z * z);
  return density / (1 - 0.5 * erfcx(z * SQRT_HALF) * Math.exp(-0.5 * z * z));
}

/** Whether a row discloses its minimum price to win, so that the density is its likelihood. */
export const isDisclosed = (row: WinRow): boolean => row.minToWinMicros !== null && row.minToWinMicros > 0;

/**
 * Negative log likelihood of one row under a log-normal price law (arXiv 2107.06650): density of the disclosed price in
 * ln-price space, else ln F(b) of a win and ln(1 − F(b)) of a loss.
 */
export function rowLoss(row: WinRow, mu: number, sigma: number): number {
  if (isDisclosed(row)) {
    const z = (lnPrice(row.minToWinMicros!) - mu) / sigma;
    return LN_SQRT_2PI + Math.log(sigma) + 0.5 * z * z;
  }
  const z = (lnPrice(row.bidMicros) - mu) / sigma;
  return -lnNormalCdf(row.won ? z : -z);
}

/** Gradient of `rowLoss` with respect to (mu, sigma), written to `out[0..1]`. */
export function rowGradient(row: WinRow, mu: number, sigma: number, out: Float64Array): void {
  if (isDisclosed(row)) {
    const z = (lnPrice(row.minToWinMicros!) - mu) / sigma;
    out[0] = -z / sigma;
    out[1] = (1 - z * z) / sigma;
    return;
  }
  const z = (lnPrice(row.bidMicros) - mu) / sigma;
  const slope = row.won ? -millsRatio(z) : millsRatio(-z);
  out[0] = -slope / sigma;
  out[1] = (-slope * z) / sigma;
}
