import { studentTwoSidedP, studentTwoSidedQuantile, welchDegrees } from './student-t';

/** Sums of one arm: outcome y and its pre-exposure covariate x over n units. */
export interface CovariateSums {
  n: number;
  sy: number;
  syy: number;
  sx: number;
  sxx: number;
  sxy: number;
}

/** Difference of adjusted means, treatment − control. */
export interface AdjustedDifference {
  theta: number;
  difference: number;
  standardError: number;
  unadjustedStandardError: number;
  /** Fixed-sample two-sided interval and p (Welch's t). */
  interval: [number, number];
  p: number;
}

interface Moments {
  n: number;
  meanY: number;
  meanX: number;
  varY: number;
  varX: number;
  cov: number;
}

function moments(s: CovariateSums): Moments {
  const meanY = s.sy / s.n;
  const meanX = s.sx / s.n;
  return {
    n: s.n,
    meanY,
    meanX,
    varY: (s.syy - s.sy * meanY) / (s.n - 1),
    varX: (s.sxx - s.sx * meanX) / (s.n - 1),
    cov: (s.sxy - s.sx * meanY) / (s.n - 1),
  };
}

const merged = (a: CovariateSums, b: CovariateSums): CovariateSums => ({
  n: a.n + b.n,
  sy: a.sy + b.sy,
  syy: a.syy + b.syy,
  sx: a.sx + b.sx,
  sxx: a.sxx + b.sxx,
  sxy: a.sxy + b.sxy,
});

/**
 * CUPED: Y' = Y − theta·(X − X̄) with theta from both arms' units together; x must be measured before exposure.
 * @param alpha two-sided. @throws RangeError when an arm has fewer than two units
 * Source: Deng et al., WSDM 2013; statistics.md 5.
 */
export function cupedDifference(control: CovariateSums, treatment: CovariateSums, alpha: number): AdjustedDifference {
  if (control.n < 2 || treatment.n < 2) throw new RangeError('CUPED: each arm needs two units');
  const c = moments(control);
  const t = moments(treatment);
  const all = moments(merged(control, treatment));
  const theta = all.varX > 0 ? all.cov / all.varX : 0;
  const adjusted = (m: Moments) => (m.varY + theta ** 2 * m.varX - 2 * theta * m.cov) / m.n;
  const difference = t.meanY - c.meanY - theta * (t.meanX - c.meanX);
  const standardError = Math.sqrt(adjusted(t) + adjusted(c));
  const degrees = welchDegrees(adjusted(t), t.n, adjusted(c), c.n);
  const half = studentTwoSidedQuantile(alpha, degrees) * standardError;
  return {
    theta,
    difference,
    standardError,
    unadjustedStandardError: Math.sqrt(t.varY / t.n + c.varY / c.n),
    interval: [difference - half, difference + half],
    p: studentTwoSidedP(difference / standardError, degrees),
  };
}
