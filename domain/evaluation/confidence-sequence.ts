/** An interval is two-sided, or one-sided (each bound holds alone at level alpha). */
export type Sides = 'one' | 'two';

/** −2 ln a + ln(−2 ln a + 1): the value of u at which the sequence is tightest (Waudby-Smith et al., arXiv 2103.06476). */
function tightestInformation(alpha: number, sides: Sides): number {
  const a = sides === 'two' ? alpha : 2 * alpha;
  const spent = -2 * Math.log(a);
  return spent + Math.log(spent + 1);
}

/** rho of the literature's form u = n·rho² that makes the sequence tightest after `tightestAt` units. */
export const tuningRho = (tightestAt: number, alpha: number, sides: Sides): number =>
  Math.sqrt(tightestInformation(alpha, sides) / tightestAt);

/**
 * Prior variance tau² of the effect, fixed before the first look, for which the sequence is tightest when the
 * estimate's standard error is `plannedStandardError` (that at half the planned information; statistics.md 1).
 */
export const priorVarianceFor = (plannedStandardError: number, alpha: number, sides: Sides): number =>
  plannedStandardError ** 2 * tightestInformation(alpha, sides);

/**
 * Half-width of the asymptotic confidence sequence: valid at every look at once, without correction.
 * @param standardError of the estimate now, in the estimate's unit; > 0
 * @param priorVariance tau², in the estimate's unit squared; > 0
 * @param alpha error over all looks together; one-sided: per bound
 * Source: arXiv 2103.06476, eq. 9 (two-sided) and 134 (one-sided).
 */
export function anytimeHalfWidth(standardError: number, priorVariance: number, alpha: number, sides: Sides): number {
  const u = priorVariance / standardError ** 2;
  const root = Math.sqrt(u + 1);
  const log = sides === 'two' ? Math.log(root / alpha) : Math.log1p(root / (2 * alpha));
  return standardError * Math.sqrt(2 * (1 + 1 / u) * log);
}

/** Always-valid two-sided p of `estimate` = 0; equals the mixture SPRT of Johari et al. with the same tau². */
export function anytimeP(estimate: number, standardError: number, priorVariance: number): number {
  const u = priorVariance / standardError ** 2;
  const exponent = (u / (2 * (u + 1))) * (estimate / standardError) ** 2;
  return Math.min(1, Math.sqrt(u + 1) * Math.exp(-exponent));
}
