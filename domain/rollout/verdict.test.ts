import fc from 'fast-check';
import { rolloutPlanSchema, type KpiRollup } from '../contracts';
import { combineStages, judgeDifference, nonInferiorityDifference } from '../evaluation/non-inferiority';
import { estimateRatio, ratioSums } from '../evaluation/ratio-metric';
import { relativePriorVariance } from './design-effect';
import type { Look } from './look';
import { addSums, foldStages, noSums, totalSums, trailingSums, type BucketSums } from './stage-sums';
import { judgeLook } from './verdict';

const canaryStage = (shareBps: number) => ({
  kind: 'canary' as const,
  shareBps,
  holdSeconds: 60,
  minPrimaryEvents: 100,
  minDecisions: 1000,
  maxSeconds: 3600,
});
const planOf = (metrics: object[] = []) =>
  rolloutPlanSchema.parse({
    version: 1,
    name: 'test',
    bucketSeconds: 5,
    lookEverySeconds: 10,
    labelMaturitySeconds: 2,
    designEffect: { better: 0.3, worse: -0.3 },
    stages: [canaryStage(2500), canaryStage(5000)],
    metrics: [{ metric: 'value', role: 'primary' }, ...metrics],
  });

/** 100 buckets of one arm with slightly uneven traffic; `clicks` on average per bucket. */
function arm(requests: number, clicks: number, changes: Partial<BucketSums> = {}): BucketSums[] {
  return Array.from({ length: 100 }, (_, userBucket) => {
    const own = clicks === 0 ? 0 : clicks + (userBucket % 3) - 1;
    return {
      ...noSums(),
      userBucket,
      requests,
      eligible: requests,
      bids: requests,
      wins: requests,
      impressions: requests,
      clicks: own,
      valueNanos: own * 100_000_000,
      spendNanos: requests * 2_000_000,
      ...changes,
    };
  });
}

function lookAt(canary: BucketSums[], control: BucketSums[], changes: Partial<Look> = {}): Look {
  return {
    rolloutId: 'r1',
    stage: 0,
    look: 7,
    atMs: 1_000_000,
    stageStartedMs: 700_000,
    matureUntilMs: 995_000,
    plan: planOf(),
    stages: [{ stage: 0, canary, control }],
    recent: { canary: totalSums(canary), control: totalSums(control) },
    exposures: { canary: 250, control: 750 },
    previousSrmP: 1,
    previousStreak: 0,
    newestDecisionMs: 999_000,
    ...changes,
  };
}
const control = arm(300, 24);
const same = arm(100, 8);
const better = arm(100, 11);
const worse = arm(100, 5);

describe('verdict of a look', () => {
  it('is non-inferior for a better candidate, with a sentence an engineer can read', () => {
    const evidence = judgeLook(lookAt(better, control));
    expect(evidence.verdict).toBe('non-inferior');
    expect(evidence.reason).toMatch(
      /^value is \+37\.\d % \(11\.\d against 8\.00 USD per 1,000 eligible requests\); at worst it lies \+\d+\.\d % inside the 5 % margin, after 5 min in stage 0 \(25 % of users\)$/,
    );
    expect(evidence).toMatchObject({
      decisions: { canary: 10_000, control: 30_000 },
      primaryEvents: { canary: 1099, control: 2399 },
      nonEmptyBuckets: { canary: 100, control: 100 },
    });
  });

  it('is inferior for a worse one, and says why', () => {
    const evidence = judgeLook(lookAt(arm(100, 7), control, { plan: planOf() }));
    expect(evidence.verdict).toBe('inferior');
    expect(evidence.reason).toMatch(/^value is -12\.\d % .* at best it lies -\d+\.\d % from the 5 % margin/);
    expect(evidence.catastrophe.fired).toBe(false);
  });

  it('equals sections 1-3 computed by hand from the sums, stratified over stages', () => {
    const second = { stage: 1, canary: arm(200, 18), control: arm(200, 17) };
    const look = lookAt(same, control, { stage: 1, exposures: { canary: 400, control: 400 } });
    look.stages.push(second);
    const [value] = judgeLook(look).metrics;

    const estimate = (buckets: BucketSums[]) =>
      estimateRatio(ratioSums(buckets.map((b) => ({ numerator: b.valueNanos, denominator: b.eligible }))))!;
    const stratum = (canary: BucketSums[], base: BucketSums[]) => {
      const n = { t: totalSums(canary).eligible, c: totalSums(base).eligible };
      return {
        ...nonInferiorityDifference(estimate(canary), estimate(base), 0.05, 'higher'),
        treatmentUnits: n.t,
        controlUnits: n.c,
        weight: 1,
        information: (n.t * n.c) / (n.t + n.c),
        base: estimate(base).ratio,
      };
    };
    const strata = [stratum(same, control), stratum(second.canary, second.control)];
    const base = strata.reduce((s, x) => s + x.information * x.base, 0) / strata.reduce((s, x) => s + x.information, 0);
    const judged = judgeDifference(combineStages(strata)!, relativePriorVariance(look.plan) * base ** 2, 0.05);
    for (const [actual, golden] of [
      [value!.d, judged.d],
      [value!.lower, judged.lower],
      [value!.upper, judged.upper],
    ])
      expect(Math.abs(actual! / golden! - 1)).toBeLessThan(1e-9);
  });

  it('continues while neither side is proven, and is inconclusive at the horizon', () => {
    const few = [arm(100, 1.4), arm(300, 4.2)] as const;
    const evidence = judgeLook(lookAt(few[0], few[1]));
    expect(evidence.verdict).toBe('continue');
    const late = judgeLook(lookAt(few[0], few[1], { stageStartedMs: 1_000_000 - 3_600_000 }));
    expect(late.verdict).toBe('inconclusive');
    expect(late.reason).toContain('horizon of 60 min reached');
  });

  it('does not promote before the stage has its own minimum sample', () => {
    const evidence = judgeLook(lookAt(arm(9, 3), control, { exposures: { canary: 250, control: 750 } }));
    expect(evidence.verdict).toBe('continue');
    expect(evidence.reason).toContain('the canary has 900 of 1000 decisions');
    const narrow = judgeLook(lookAt(better.map((b) => ({ ...b, requests: b.requests * 5 })).slice(0, 29), control));
    expect(narrow.verdict).toBe('continue');
    expect(narrow.reason).toContain('29 of 30 user buckets');
  });

  it('rolls back at once when the primary collapses, though a dead canary never reaches the sample of events', () => {
    const evidence = judgeLook(lookAt(arm(10, 0), arm(30, 3)));
    expect(evidence.verdict).toBe('inferior');
    expect(evidence.reason).toMatch(/^catastrophe lane: primary metric -100\.0 % against the control/);
    expect(judgeLook(lookAt(worse, control)).catastrophe.fired).toBe(true);
  });

  it('calls system metrics bad after three looks in a row, not before', () => {
    const failing = arm(100, 8, { errors: 20 });
    const first = judgeLook(lookAt(failing, control));
    expect(first.verdict).not.toBe('inferior');
    expect(first.catastrophe.streak).toBe(1);
    const third = judgeLook(lookAt(failing, control, { previousStreak: 2 }));
    expect(third.verdict).toBe('inferior');
    expect(third.reason).toMatch(/errorShare is 20\.0 % of decisions in the canary, 0\.00 in the control/);
    expect(judgeLook(lookAt(same, control, { previousStreak: 2 })).catastrophe.streak).toBe(0);
    const few = { canary: totalSums(arm(9, 0, { errors: 9 })), control: totalSums(control) };
    expect(judgeLook(lookAt(same, control, { previousStreak: 2, recent: few })).catastrophe).toMatchObject({
      fired: false,
      streak: 2,
    });
  });

  it('does not blame the canary for an outage of both arms', () => {
    const evidence = judgeLook(
      lookAt(arm(100, 8, { fallbacks: 90 }), arm(300, 24, { fallbacks: 270 }), { previousStreak: 5 }),
    );
    expect(evidence.catastrophe).toMatchObject({ fired: false, streak: 0 });
  });

  it('holds spend against the plan when there is one', () => {
    const over = { plannedSpendNanos: { canary: 10_000 * 1_500_000, control: 30_000 * 2_000_000 }, previousStreak: 2 };
    expect(judgeLook(lookAt(same, control, over)).reason).toContain('spendToPlan is 1.33 of the planned spend');
    const both = { plannedSpendNanos: { canary: 10_000 * 1_500_000, control: 30_000 * 1_500_000 }, previousStreak: 2 };
    expect(judgeLook(lookAt(same, control, both)).catastrophe.fired).toBe(false);
  });

  it('voids every inference on a sample ratio mismatch, but the catastrophe lane still rolls back', () => {
    const exposures = { canary: 3500, control: 7500 };
    const evidence = judgeLook(lookAt(better, control, { exposures }));
    expect(evidence.verdict).toBe('srm');
    expect(evidence.reason).toContain('3500 canary and 7500 control users (31.82 % against 25.00 % planned)');
    expect(judgeLook(lookAt(arm(100, 0), control, { exposures })).verdict).toBe('inferior');
  });

  it.each([
    ['no decision of this stage has arrived', { newestDecisionMs: null }],
    ['data stopped arriving', { newestDecisionMs: 900_000 }],
    ['the canary has no mature decision yet', { stages: [{ stage: 0, canary: [], control }] }],
    ['the control has no mature decision yet', { stages: [{ stage: 0, canary: better, control: [] }] }],
    ['no exposed user of the canary was counted', { exposures: { canary: 0, control: 0 } }],
    ['the canary has no mature decision yet', { stages: [] }],
  ] as [string, Partial<Look>][])('missing data is no pass: %s', (sentence, changes) => {
    const evidence = judgeLook(lookAt(better, control, changes));
    expect(evidence.verdict).toBe('no-data');
    expect(evidence.reason).toContain(sentence);
  });

  it('does not promote on a guardrail without data', () => {
    const plan = planOf([{ metric: 'cpa', role: 'guardrail' }]);
    const evidence = judgeLook(lookAt(better, control, { plan }));
    expect(evidence.verdict).toBe('continue');
    expect(evidence.reason).toContain('guardrail cpa has no data');
  });

  it('rolls back on one inferior guardrail, holds or only warns where the plan says so, ignores signals', () => {
    const dear = better.map((bucket) => ({ ...bucket, spendNanos: bucket.spendNanos * 3 }));
    const verdictOf = (metric: object) => judgeLook(lookAt(dear, control, { plan: planOf([metric]) })).verdict;
    expect(verdictOf({ metric: 'cpc', role: 'guardrail' })).toBe('inferior');
    expect(verdictOf({ metric: 'cpc', role: 'guardrail', action: 'hold' })).toBe('inconclusive');
    expect(verdictOf({ metric: 'cpc', role: 'guardrail', action: 'warn' })).toBe('non-inferior');
    expect(verdictOf({ metric: 'cpc', role: 'signal' })).toBe('non-inferior');
  });

  it('waits for a metric that must be proven', () => {
    const plan = planOf([{ metric: 'winRate', role: 'guardrail', prove: true, margin: 0 }]);
    expect(judgeLook(lookAt(better, control, { plan })).verdict).toBe('continue');
  });

  it('answers error, never a pass and never an exception, to sums that are no sums', () => {
    const broken = better.map((bucket, index) => (index === 3 ? { ...bucket, valueNanos: NaN } : bucket));
    const evidence = judgeLook(lookAt(broken, control));
    expect(evidence.verdict).toBe('error');
    expect(evidence.reason).toBe('KPI sum valueNanos of stage 0, canary, bucket 3 is NaN');
    expect(judgeLook(lookAt(better, control, { exposures: { canary: -1, control: 3 } })).verdict).toBe('error');
  });

  it('keeps requests without an id out of the tests', () => {
    const anonymous = { ...noSums(), userBucket: -1, requests: 50_000, eligible: 50_000 };
    const evidence = judgeLook(lookAt([...better, anonymous], control));
    expect(evidence.metrics).toEqual(judgeLook(lookAt(better, control)).metrics);
  });

  it('is a pure function', () => {
    const look = lookAt(better, control);
    const before = JSON.stringify(look);
    expect(judgeLook(look)).toEqual(judgeLook(look));
    expect(JSON.stringify(look)).toBe(before);
  });
});

describe('folding rollups', () => {
  const row = (changes: Partial<KpiRollup>): KpiRollup => ({
    ...noSums(),
    cell: 'default',
    rolloutId: 'r1',
    stage: 1,
    arm: 'canary',
    bucketMs: 0,
    userBucket: 0,
    ...changes,
  });

  it('takes mature time buckets only, the same for both arms', () => {
    const rows = [0, 5000, 10_000].flatMap((bucketMs) => [
      row({ bucketMs, requests: 1 }),
      row({ bucketMs, arm: 'champion', requests: 2 }),
    ]);
    const [stage] = foldStages(rows, 10_000, 5000);
    expect(stage).toMatchObject({ stage: 1, canary: [{ requests: 2 }], control: [{ requests: 4 }] });
  });

  it('looks at the shortest trailing window with enough decisions in both arms', () => {
    const rows = [0, 1, 2, 3].flatMap((k) => [
      row({ bucketMs: k * 5000, requests: 600, errors: k === 3 ? 600 : 0 }),
      row({ bucketMs: k * 5000, arm: 'champion', requests: 5000 }),
    ]);
    const recent = trailingSums(rows, 1, 1000);
    expect([recent.canary.requests, recent.canary.errors, recent.control.requests]).toEqual([1200, 600, 10_000]);
    expect(trailingSums(rows, 1, 1e9).canary.requests).toBe(2400);
    expect(trailingSums(rows, 0, 1).canary.requests).toBe(0);
  });

  it('is additive over any split of the rows', () => {
    const rows = fc.array(
      fc.record({ userBucket: fc.integer({ min: -1, max: 5 }), requests: fc.nat(100), canary: fc.boolean() }),
    );
    fc.assert(
      fc.property(rows, (list) => {
        const full = list.map((r) => row({ ...r, arm: r.canary ? 'canary' : 'champion' }));
        const folded = foldStages(full, 5000, 5000);
        const total = totalSums(full);
        const parts = noSums();
        for (const stage of folded) for (const bucket of [...stage.canary, ...stage.control]) addSums(parts, bucket);
        expect(parts).toEqual(total);
      }),
    );
  });
});
