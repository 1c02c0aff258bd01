import { anytimeHalfWidth, anytimeP, tuningRho } from '#domain/evaluation/confidence-sequence';
import { twoSampleKs } from '#domain/evaluation/kolmogorov-smirnov';
import { fixedSampleRatio } from '#domain/evaluation/sample-ratio';
import type { OracleCase } from './oracle-file';

/** Named numbers that one case computes or expects. */
export type OracleNumbers = Record<string, number>;

/** How one group of an oracle file is read and computed by the product's own functions. */
export interface OracleGroup {
  name: string;
  /** What it checks, for people. */
  title: string;
  /** The product's numbers, from the case's inputs alone. @throws RangeError on inputs that no test can take */
  compute: (given: OracleCase) => OracleNumbers;
  /** The numbers that the file states. */
  expected: (given: OracleCase) => OracleNumbers;
}

const sampleRatio: OracleGroup = {
  name: 'srm_chi2',
  title: 'χ² of counts against planned shares',
  compute: (given) => ({ ...fixedSampleRatio(given.numbers('counts', 2), given.numbers('weights', 2)) }),
  expected: (given) => ({ chi2: given.number('chi2'), p: given.number('p') }),
};

const twoSamples: OracleGroup = {
  name: 'ks_2samp',
  title: 'two-sample Kolmogorov–Smirnov, exact p',
  compute: (given) => {
    const { distance, p } = twoSampleKs(given.numbers('a', 1), given.numbers('b', 1));
    return { D: distance, p };
  },
  expected: (given) => ({ D: given.number('D'), p: given.number('p') }),
};

/** Anytime-valid interval of the difference of two proportions, second − first: se² = Σ p(1−p)/n, u = (n1+n2)·rho². */
const sequential: OracleGroup = {
  name: 'sequential_gbstats',
  title: 'anytime-valid interval and p of a difference of proportions',
  compute: (given) => {
    const [x1, n1, x2, n2] = [given.number('x1'), given.positive('n1'), given.number('x2'), given.positive('n2')];
    const alpha = given.number('alpha');
    const [p1, p2] = [x1 / n1, x2 / n2];
    const variance = (p1 * (1 - p1)) / n1 + (p2 * (1 - p2)) / n2;
    if (!(alpha > 0 && alpha < 1)) throw new RangeError('alpha must be between 0 and 1');
    if (!(variance > 0)) throw new RangeError('both proportions must lie between 0 and 1 and one of them inside');
    const prior = (n1 + n2) * tuningRho(given.positive('tuning_n'), alpha, 'two') ** 2 * variance;
    const half = anytimeHalfWidth(Math.sqrt(variance), prior, alpha, 'two');
    const expected = p2 - p1;
    const p = anytimeP(expected, Math.sqrt(variance), prior);
    return { expected, ci_lower: expected - half, ci_upper: expected + half, p };
  },
  expected: (given) => {
    const [lower, upper] = given.numbers('ci', 2, 2) as [number, number];
    return { expected: given.number('expected'), ci_lower: lower, ci_upper: upper, p: given.number('p') };
  },
};

/** Groups of `math.json` whose formulas the product uses. */
export const ORACLE_GROUPS: readonly OracleGroup[] = [sampleRatio, twoSamples, sequential];
