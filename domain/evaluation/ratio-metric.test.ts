import fc from 'fast-check';
import { anytimeHalfWidth, anytimeP, tuningRho } from './confidence-sequence';
import { adjustDifference, combineStages, judgeDifference, nonInferiorityDifference } from './non-inferiority';
import { normalTail } from './normal-distribution';
import {
  estimateRatio,
  estimateRatioOf,
  mergeRatioSums,
  ratioSums,
  relativeEffect,
  type RatioEstimate,
} from './ratio-metric';

const close = (actual: number, golden: number, relative = 1e-9) =>
  expect(Math.abs(actual - golden)).toBeLessThanOrEqual(relative * Math.abs(golden));

const A = estimateRatio({ n: 10_000, sm: 52_000, smm: 540_000, sd: 20_000, sdd: 62_000, smd: 150_000 })!;
const B = estimateRatio({ n: 10_100, sm: 50_400, smm: 512_000, sd: 20_200, sdd: 62_600, smd: 147_000 })!;
const TOTAL = 20_100;

describe('ratio metric (statistics.md 2)', () => {
  it('has the golden ratio, variance and standard error in both arms', () => {
    expect(A.ratio).toBe(2.6);
    close(A.variance * A.n, 4.478447844784481);
    close(Math.sqrt(A.variance), 0.02116234354882389);
    close(B.ratio, 2.495049504950495);
    close(B.variance * B.n, 4.1627258826957325);
    close(Math.sqrt(B.variance), 0.020301504316050743);
  });

  it('has the golden relative effect, fixed interval and p', () => {
    const effect = relativeEffect(A, B, 0.05)!;
    close(effect.effect, -0.0403655750190404);
    close(effect.standardError, 0.011044360167876993);
    close(effect.interval[0], -0.06201342969744007);
    expect(Math.abs(effect.interval[1] - -0.01872)).toBeLessThanOrEqual(0.5e-5);
    close(effect.p, 0.00025798040184676907);
  });

  it('has the golden anytime-valid intervals of the relative effect', () => {
    const effect = relativeEffect(A, B, 0.05)!;
    const se = effect.standardError;
    const prior = (sides: 'one' | 'two') => TOTAL * tuningRho(5000, 0.05, sides) ** 2 * se ** 2;
    const two = anytimeHalfWidth(se, prior('two'), 0.05, 'two');
    close(effect.effect - two, -0.07490873247532934);
    close(effect.effect + two, -0.00582241756275146);
    close(anytimeP(effect.effect, se, prior('two')), 0.008833355703634993);
    const one = anytimeHalfWidth(se, prior('one'), 0.05, 'one');
    close(effect.effect - one, -0.07204939385998943);
    close(effect.effect + one, -0.008681756178091367);
  });

  it('says null, not a number, without data', () => {
    expect(estimateRatio(ratioSums([]))).toBeNull();
    expect(
      estimateRatio(
        ratioSums([
          { numerator: 1, denominator: 0 },
          { numerator: 0, denominator: 0 },
        ]),
      ),
    ).toBeNull();
    expect(estimateRatioOf([{ numerator: 1, denominator: 1 }])).toBeNull();
    expect(relativeEffect({ ...A, ratio: 0 }, B, 0.05)).toBeNull();
  });

  const units = fc.array(fc.record({ numerator: fc.nat(50), denominator: fc.integer({ min: 1, max: 50 }) }), {
    minLength: 2,
    maxLength: 60,
  });

  it('gives the same from units and from sums, and sums merge', () => {
    fc.assert(
      fc.property(units, units, (one, two) => {
        const both = estimateRatio(mergeRatioSums(ratioSums(one), ratioSums(two)))!;
        const direct = estimateRatioOf([...one, ...two])!;
        expect(both.ratio).toBeCloseTo(direct.ratio, 12);
        expect(both.variance).toBeCloseTo(direct.variance, 9);
      }),
    );
  });
});

describe('non-inferiority (statistics.md 3)', () => {
  const difference = nonInferiorityDifference(B, A, 0.05, 'higher');
  const prior = (tightestAt: number) => TOTAL * tuningRho(tightestAt, 0.05, 'one') ** 2 * difference.variance;

  it('has the golden D, standard error, z and fixed p', () => {
    close(difference.d, 0.025049504950495294);
    const se = Math.sqrt(difference.variance);
    close(se, 0.028571506706619905);
    close(difference.d / se, 0.8767302756452611);
    close(normalTail(difference.d / se), 0.19031657911013744);
  });

  it.each([
    [5000, -0.05691580845339729, 0.10701481835438788],
    [20_000, -0.05435117104826774, 0.10445018094925833],
  ])('has the golden bounds when tuned at %i and continues', (tightestAt, lower, upper) => {
    const judged = judgeDifference(difference, prior(tightestAt), 0.05);
    close(judged.lower, lower);
    close(judged.upper, upper);
    expect(judged.verdict).toBe('continue');
  });

  const arm = (ratio: number, variance = 1e-6): RatioEstimate => ({ ratio, variance, n: 200 });

  it('mirrors for a metric that is better lower', () => {
    expect(nonInferiorityDifference(arm(1.04), arm(1), 0.05, 'lower').d).toBeCloseTo(0.01, 12);
    const worse = nonInferiorityDifference(arm(1.3), arm(1), 0.05, 'lower');
    expect(judgeDifference(worse, 0.01, 0.05).verdict).toBe('inferior');
    const better = nonInferiorityDifference(arm(0.9), arm(1), 0.05, 'lower');
    expect(judgeDifference(better, 0.01, 0.05).verdict).toBe('non-inferior');
  });

  it('has the golden fixed sample sizes of D for 80 % power, which no plan is promised by', () => {
    // Var(D) of a conversion rate of 2 % with the control's other users as control, z as printed in tables.
    const unitsFor = (share: number) => {
      const perUnit = 0.02 * 0.98;
      const variance = perUnit + (0.95 ** 2 * perUnit * share) / (1 - share);
      return ((1.645 + 0.8416) ** 2 * variance) / (0.05 * 0.02) ** 2;
    };
    expect(Math.round(unitsFor(0.05))).toBe(126_947);
    expect(Math.round(unitsFor(0.5))).toBe(230_565);
  });

  it('takes out of D what the past explains, and keeps D where it explains nothing', () => {
    const pre = {
      treatmentVariance: 4,
      controlVariance: 9,
      treatmentCovariance: 3,
      controlCovariance: 6,
      difference: 0.5,
    };
    const plain = { d: 1, variance: 12 };
    const factor = 0.95;
    const theta = (3 + factor * 6) / 13;
    const adjusted = adjustDifference(plain, pre, 0.05, 'higher', 200)!;
    close(adjusted.theta, theta);
    close(adjusted.d, 1 - theta * 0.5);
    close(adjusted.variance, ((12 - theta * (3 + factor * 6)) * 199) / 198);
    // Mirrored: D = (1 + m)·R_C − R_T, so theta changes its sign and the variance keeps its form.
    expect(adjustDifference(plain, pre, 0.05, 'lower', 200)!.theta).toBeLessThan(0);
    const unrelated = { ...pre, treatmentCovariance: 0, controlCovariance: 0 };
    expect(adjustDifference(plain, unrelated, 0.05, 'higher', 200)).toBeNull();
    expect(
      adjustDifference(plain, { ...pre, treatmentVariance: 0, controlVariance: 0 }, 0.05, 'higher', 200),
    ).toBeNull();
  });

  it('widens the upper bound alone under a Bonferroni level', () => {
    const plain = judgeDifference(difference, prior(5000), 0.05);
    const strict = judgeDifference(difference, prior(5000), 0.05, 0.01);
    expect(strict.lower).toBe(plain.lower);
    expect(strict.upper).toBeGreaterThan(plain.upper);
  });

  it('does not let a drifting base rate prove a model that is 10 % worse (never pooled over stages)', () => {
    // Stage 1: 5 % share at a low base rate; stage 2: 50 % share at a high one.
    const strata = [
      { base: 0.01, treatment: 50_000, control: 950_000 },
      { base: 0.03, treatment: 500_000, control: 500_000 },
    ].map(({ base, treatment, control }) => ({
      ...nonInferiorityDifference(arm(base * 0.9, (base * 0.9) / treatment), arm(base, base / control), 0.05, 'higher'),
      treatmentUnits: treatment,
      controlUnits: control,
      weight: 1,
    }));
    const combined = combineStages(strata)!;
    expect(combined.d).toBeLessThan(0);
    expect(judgeDifference(combined, (0.05 * 0.03) ** 2, 0.05).verdict).toBe('inferior');
    const pooled =
      (50_000 * 0.009 + 500_000 * 0.027) / 550_000 - (0.95 * (950_000 * 0.01 + 500_000 * 0.03)) / 1_450_000;
    expect(pooled).toBeGreaterThan(0);
  });

  it('combines one stage to itself and nothing to null', () => {
    const one = { d: 0.2, variance: 0.04, treatmentUnits: 10, controlUnits: 30, weight: 3 };
    const combined = combineStages([one])!;
    expect(combined.d).toBeCloseTo(0.2, 15);
    expect(combined.variance).toBeCloseTo(0.04, 15);
    expect(combineStages([])).toBeNull();
    expect(combineStages([{ ...one, treatmentUnits: 0 }])).toBeNull();
  });
});
