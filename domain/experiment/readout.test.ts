import type { ExperimentPlan } from '../contracts';
import { anytimeHalfWidth, anytimeP, priorVarianceFor } from '../evaluation/confidence-sequence';
import { estimateRatio, relativeEffect } from '../evaluation/ratio-metric';
import { METRIC_CATALOGUE } from '../rollout/metric-catalogue';
import type { MetricSample } from '../rollout/metric-test';
import { powerOf } from './power';
import { readOut, relativePriorOf } from './readout';
import { simulateReadouts } from './simulated-arms';

const close = (actual: number, expected: number, relative = 1e-9) =>
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(relative * Math.abs(expected));

// The two arms of statistics.md 2.
const CONTROL = estimateRatio({ n: 10_000, sm: 52_000, smm: 540_000, sd: 20_000, sdd: 62_000, smd: 150_000 })!;
const TREATMENT = estimateRatio({ n: 10_100, sm: 50_400, smm: 512_000, sd: 20_200, sdd: 62_600, smd: 147_000 })!;

const sampleOf = (treatment = TREATMENT, control = CONTROL): MetricSample => ({
  definition: METRIC_CATALOGUE.value,
  canary: treatment.ratio,
  control: control.ratio,
  n: 40_200,
  canaryEvents: 1000,
  controlEvents: 1000,
  buckets: 200,
  strata: [{ canary: treatment, control, canaryUnits: 20_200, controlUnits: 20_000, weight: 1, pre: null }],
});
const plan = { alpha: 0.05, effectOfInterest: 0.05 };

describe('read-out of two arms', () => {
  it('is the two-sided sequence of the plain difference, and its interval excludes 0 exactly when that does', () => {
    const readout = readOut(sampleOf(), plan)!;
    const se = Math.sqrt(CONTROL.variance + TREATMENT.variance);
    const prior = relativePriorOf(plan) * CONTROL.ratio ** 2;
    const half = anytimeHalfWidth(se, prior, 0.05, 'two');
    close(readout.difference.estimate, TREATMENT.ratio - CONTROL.ratio);
    close(readout.difference.lower, TREATMENT.ratio - CONTROL.ratio - half);
    close(readout.difference.upper, TREATMENT.ratio - CONTROL.ratio + half);
    close(readout.p, anytimeP(TREATMENT.ratio - CONTROL.ratio, se, prior));
    expect(readout.difference.upper < 0).toBe(readout.relative.upper! < 0);
    expect(readout.p < 0.05).toBe(readout.relative.upper! < 0);
  });

  it("agrees to first order with the delta method's golden relative effect", () => {
    const readout = readOut(sampleOf(), plan)!;
    const delta = relativeEffect(CONTROL, TREATMENT, 0.05)!;
    close(readout.relative.estimate, -0.0403655750190404);
    close(delta.effect, -0.0403655750190404);
    const half = anytimeHalfWidth(delta.standardError, relativePriorOf(plan), 0.05, 'two');
    expect(Math.abs(readout.relative.lower! - (delta.effect - half))).toBeLessThan(2e-3);
    expect(Math.abs(readout.relative.upper! - (delta.effect + half))).toBeLessThan(2e-3);
  });

  it('mirrors when the arms change places', () => {
    const there = readOut(sampleOf(TREATMENT, CONTROL), plan)!;
    const back = readOut(sampleOf(CONTROL, TREATMENT), plan)!;
    expect(there.relative.upper! < 0).toBe(back.relative.lower! > 0);
    close(there.difference.standardError, back.difference.standardError);
  });

  it('is tightest, relative to a fixed-sample interval, where its half-width is the effect of interest', () => {
    const prior = relativePriorOf(plan);
    const unit = priorVarianceFor(1, 0.05, 'two');
    const se = Math.sqrt(prior / unit);
    close(anytimeHalfWidth(se, prior, 0.05, 'two'), 0.05);
    const penalty = (s: number) => anytimeHalfWidth(s, prior, 0.05, 'two') / s;
    expect(penalty(se)).toBeLessThan(penalty(se * 1.3));
    expect(penalty(se)).toBeLessThan(penalty(se / 1.3));
  });

  it('has no bound where the data bound nothing, and no read-out without data', () => {
    const noisy = (ratio: number) => ({ ratio, variance: 4, n: 30 });
    const readout = readOut(sampleOf(noisy(1), noisy(1)), plan)!;
    expect([readout.relative.lower, readout.relative.upper]).toEqual([null, null]);
    expect(readOut(null, plan)).toBeNull();
    expect(readOut({ ...sampleOf(), control: 0 }, plan)).toBeNull();
    const still = { ratio: 1, variance: 0, n: 30 };
    expect(readOut(sampleOf(still, still), plan)).toBeNull();
  });
});

describe('read-out with the past of the same users', () => {
  const pre = {
    difference: 0.02,
    treatmentVariance: 1.5e-4,
    controlVariance: 1.5e-4,
    treatmentCovariance: 2e-4,
    controlCovariance: 2e-4,
  };

  it('is narrower, moved by what the past explains, and still excludes 0 exactly with the plain difference', () => {
    const plain = readOut(sampleOf(), plan)!;
    const sample = sampleOf();
    sample.strata[0]!.pre = pre;
    const adjusted = readOut(sample, plan)!;
    expect(adjusted.difference.standardError).toBeLessThan(plain.difference.standardError);
    const theta = (2e-4 + 2e-4) / 3e-4;
    close(adjusted.difference.estimate, plain.difference.estimate - theta * 0.02);
    expect(adjusted.relative.lower!).toBeLessThan(adjusted.relative.estimate);
    expect(adjusted.relative.upper!).toBeGreaterThan(adjusted.relative.estimate);
    expect(adjusted.relative.upper! < 0).toBe(adjusted.difference.upper < 0);
  });
});

describe('error rates under continuous monitoring, on buckets of returning users', () => {
  const RUNS = 250;
  const world = { looks: 30, eventsPerLook: 2000, bucketSpread: 0.05, buckets: 60 };
  const run = (effect: number, seed: number, effectOfInterest = 0.03) =>
    simulateReadouts({ ...world, effect }, { alpha: 0.05, effectOfInterest }, RUNS, seed);
  /** Upper end of a 99.9 % interval around alpha for a share of `RUNS`. */
  const above = 0.05 + 3.1 * Math.sqrt((0.05 * 0.95) / RUNS);

  it('shows a difference between equal arms, at any look, in at most alpha of experiments', () => {
    const { everSignificant } = run(0, 11);
    expect(everSignificant / RUNS).toBeLessThanOrEqual(above);
  });

  it.each([0.03, -0.03])('covers a true effect of %d at every look in all but alpha of experiments', (effect) => {
    const { everMissed, everWrongSide } = run(effect, 12);
    expect(everMissed / RUNS).toBeLessThanOrEqual(above);
    expect(everWrongSide / RUNS).toBeLessThanOrEqual(0.025 + 3.1 * Math.sqrt((0.025 * 0.975) / RUNS));
  });

  it.each([1, -1])(
    'finds, at the horizon, the effect that the planner calls detectable (direction %d)',
    (direction) => {
      const poweredPlan: ExperimentPlan = {
        alpha: 0.05,
        effectOfInterest: 0.03,
        treatmentShareBps: 5000,
        horizonSeconds: world.looks,
        labelMaturitySeconds: 0,
      } as ExperimentPlan;
      // Between-bucket spread counts as dispersion: events per bucket × spread².
      const events = world.looks * world.eventsPerLook;
      const dispersion = 1 + (events / world.buckets) * world.bucketSpread ** 2;
      const power = powerOf(poweredPlan, { primaryPerSecond: 2 * world.eventsPerLook, dispersion });
      expect(power.expectedEvents.treatment).toBe(events);
      const { lastSignificant, lastWrongSide } = run(direction * power.minimalDetectableEffect, 13);
      expect(lastSignificant / RUNS).toBeGreaterThanOrEqual(0.95 - 3.1 * Math.sqrt((0.95 * 0.05) / RUNS));
      expect(lastWrongSide).toBe(0);
    },
  );
});

describe('power', () => {
  const plan = {
    alpha: 0.05,
    effectOfInterest: 0.05,
    treatmentShareBps: 5000,
    horizonSeconds: 14 * 86_400,
    labelMaturitySeconds: 3600,
  };
  const traffic = { primaryPerSecond: 0.05, dispersion: 1.5 };

  it('falls with time and with an uneven split, and says when the effect of interest is in reach', () => {
    const power = powerOf(plan, traffic);
    const half = powerOf({ ...plan, horizonSeconds: 7 * 86_400 }, traffic);
    const uneven = powerOf({ ...plan, treatmentShareBps: 500 }, traffic);
    expect(power.minimalDetectableEffect).toBeLessThan(half.minimalDetectableEffect);
    expect(power.minimalDetectableEffect).toBeLessThan(uneven.minimalDetectableEffect);
    const at = power.secondsForEffectOfInterest!;
    const just = powerOf({ ...plan, horizonSeconds: at }, traffic);
    expect(just.minimalDetectableEffect).toBeLessThanOrEqual(0.05);
    const before = powerOf({ ...plan, horizonSeconds: at - 60 }, traffic);
    expect(before.minimalDetectableEffect).toBeGreaterThan(0.05);
  });

  it('is never reached without traffic', () => {
    const power = powerOf(plan, { primaryPerSecond: 1e-9, dispersion: 1.5 });
    expect(power.secondsForEffectOfInterest).toBeNull();
    expect(powerOf({ ...plan, horizonSeconds: 3600 }, traffic).minimalDetectableEffect).toBe(Infinity);
  });
});
