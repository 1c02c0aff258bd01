import { readFileSync } from 'node:fs';
import {
  anytimeHalfWidth,
  anytimeP,
  fixedSampleRatio,
  incompleteBeta,
  normalTail,
  studentTwoSidedP,
  tuningRho,
  welchDegrees,
} from '#domain/evaluation';
import { dataPath, describeWith } from './oracle-data';

const FILE = dataPath('oracles', 'math.json');

type Case = Record<string, number>;
interface Oracle {
  two_proportions: Case[];
  srm_chi2: { counts: number[]; weights: number[]; chi2: number; p: number }[];
  welch_t: Case[];
  beta: Case[];
  sequential_gbstats: (Case & { ci: [number, number] })[];
}

/** Relative 1e-9; probabilities below 1e-12 by order of magnitude (the data's README). */
function close(actual: number, golden: number): void {
  if (golden > 0 && golden < 1e-12) expect(Math.abs(Math.log10(actual / golden))).toBeLessThan(0.5);
  else expect(Math.abs(actual - golden)).toBeLessThanOrEqual(1e-9 * Math.abs(golden));
}

describeWith(FILE, 'statistics against numpy, scipy and gbstats', () => {
  const oracle = JSON.parse(readFileSync(FILE, 'utf8')) as Oracle;

  it('χ² sample ratio mismatch', () => {
    for (const { counts, weights, chi2, p } of oracle.srm_chi2) {
      const found = fixedSampleRatio(counts, weights);
      close(found.chi2, chi2);
      close(found.p, p);
    }
    expect(oracle.srm_chi2).toHaveLength(8);
  });

  it('anytime-valid interval and p of a difference of proportions', () => {
    for (const { x1, n1, x2, n2, tuning_n, alpha, expected, ci, p } of oracle.sequential_gbstats) {
      const [p1, p2] = [x1! / n1!, x2! / n2!];
      const variance = (p1 * (1 - p1)) / n1! + (p2 * (1 - p2)) / n2!;
      const prior = (n1! + n2!) * tuningRho(tuning_n!, alpha!, 'two') ** 2 * variance;
      const half = anytimeHalfWidth(Math.sqrt(variance), prior, alpha!, 'two');
      close(p2 - p1, expected!);
      close(p2 - p1 - half, ci[0]);
      close(p2 - p1 + half, ci[1]);
      close(anytimeP(p2 - p1, Math.sqrt(variance), prior), p!);
    }
    expect(oracle.sequential_gbstats).toHaveLength(8);
  });

  it('normal tail: pooled two-proportion test', () => {
    for (const { x1, n1, x2, n2, z_pooled, p_two_sided, p_one_sided_smaller } of oracle.two_proportions) {
      const pooled = (x1! + x2!) / (n1! + n2!);
      const z = (x1! / n1! - x2! / n2!) / Math.sqrt(pooled * (1 - pooled) * (1 / n1! + 1 / n2!));
      close(z, z_pooled!);
      close(2 * normalTail(Math.abs(z)), p_two_sided!);
      close(normalTail(-z), p_one_sided_smaller!);
    }
  });

  it("Welch's t", () => {
    for (const { m1, s1, n1, m2, s2, n2, t, p } of oracle.welch_t) {
      const [v1, v2] = [s1! ** 2 / n1!, s2! ** 2 / n2!];
      const found = (m1! - m2!) / Math.sqrt(v1 + v2);
      close(found, t!);
      close(studentTwoSidedP(found, welchDegrees(v1, n1!, v2, n2!)), p!);
    }
  });

  it('incomplete beta function', () => {
    for (const { a, b, q025, q50, q975, cdf_at_mean } of oracle.beta) {
      close(incompleteBeta(a! / (a! + b!), a!, b!), cdf_at_mean!);
      close(incompleteBeta(q025!, a!, b!), 0.025);
      close(incompleteBeta(q50!, a!, b!), 0.5);
      close(incompleteBeta(q975!, a!, b!), 0.975);
    }
  });
});
