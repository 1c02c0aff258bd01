import { rolloutPlanSchema } from '../contracts';
import { latencyBin, mergeLatency, type LatencyHistogram } from '../evaluation/latency-histogram';
import { seededNormal, seededRandom } from '../evaluation/seeded-random';
import type { Look } from './look';
import { noSums, totalSums, type BucketSums, type StageSums } from './stage-sums';
import { judgeLook } from './verdict';

const canaryStage = (shareBps: number, changes: object = {}) => ({
  kind: 'canary' as const,
  shareBps,
  holdSeconds: 60,
  minPrimaryEvents: 100,
  minDecisions: 1000,
  maxSeconds: 3600,
  ...changes,
});
const planOf = (changes: object = {}) =>
  rolloutPlanSchema.parse({
    version: 1,
    name: 'test',
    bucketSeconds: 5,
    lookEverySeconds: 10,
    labelMaturitySeconds: 2,
    designEffect: { better: 0.3, worse: -0.3 },
    stages: [canaryStage(5000), canaryStage(10_000)],
    metrics: [{ metric: 'value', role: 'primary' }],
    ...changes,
  });

/** 100 buckets of one arm; `clicksOf` says how many clicks a bucket has. */
function arm(requests: number, clicksOf: (bucket: number) => number): BucketSums[] {
  return Array.from({ length: 100 }, (_, userBucket) => {
    const clicks = clicksOf(userBucket);
    const sums = { ...noSums(), userBucket, requests, eligible: requests, bids: requests, wins: requests };
    return { ...sums, impressions: requests, clicks, valueNanos: clicks * 1e8, spendNanos: requests * 2e6 };
  });
}
const even = (clicks: number) => (bucket: number) => clicks + (bucket % 3) - 1;
const stageOf = (canary: BucketSums[], control: BucketSums[], stage = 0): StageSums => ({ stage, canary, control });

function lookAt(stages: StageSums[], changes: Partial<Look> = {}): Look {
  const last = stages.at(-1)!;
  return {
    rolloutId: 'r1',
    stage: last.stage,
    look: 7,
    atMs: 1_000_000,
    stageStartedMs: 700_000,
    matureUntilMs: 995_000,
    plan: planOf(),
    stages,
    recent: { canary: totalSums(last.canary), control: totalSums(last.control) },
    exposures: last.stage === 0 ? { canary: 500, control: 500 } : { canary: 950, control: 50 },
    previousSrmP: 1,
    previousStreak: 0,
    newestDecisionMs: 999_000,
    ...changes,
  };
}

describe('CUPED in a verdict', () => {
  // What a bucket's users are like shows before the rollout and during it.
  const rng = seededRandom(5);
  const normal = seededNormal(rng);
  const habits = () => Array.from({ length: 100 }, () => 20 + 6 * normal());
  const [treated, others] = [habits(), habits()];
  const now = (habit: number[]) => arm(1000, (bucket) => habit[bucket]! + 0.5 * normal());
  const stages = [stageOf(now(treated), now(others))];
  const before = [
    stageOf(
      arm(1000, (b) => treated[b]!),
      arm(1000, (b) => others[b]!),
    ),
  ];

  it('lowers the standard error by what the past explains, and says so in the evidence', () => {
    const [plain] = judgeLook(lookAt(stages)).metrics;
    const [adjusted] = judgeLook(lookAt(stages, { prePeriod: before })).metrics;
    expect(plain!.cuped).toBeUndefined();
    expect(adjusted!.cuped!.unadjustedStandardError).toBe(plain!.standardError);
    expect(adjusted!.standardError).toBeLessThan(plain!.standardError / 5);
    expect(adjusted!.cuped!.theta).toBeGreaterThan(0.9);
    expect(adjusted!.cuped!.theta).toBeLessThan(1.1);
    // A/A but for the habits: the past takes the chance difference of the arms out of D = 0.05·R.
    const truth = 0.05 * adjusted!.control;
    expect(Math.abs(adjusted!.d - truth)).toBeLessThan(3 * adjusted!.standardError);
  });

  it('is left out when the past says nothing, or nothing of this stage', () => {
    const flat = [
      stageOf(
        arm(1000, () => 20),
        arm(1000, () => 20),
      ),
    ];
    const elsewhere = before.map((stage) => ({ ...stage, stage: 3 }));
    for (const prePeriod of [flat, elsewhere, []]) {
      const [metric] = judgeLook(lookAt(stages, { prePeriod })).metrics;
      expect(metric).toEqual(judgeLook(lookAt(stages)).metrics[0]);
    }
  });

  it('answers error to a past that is no past', () => {
    const broken = [
      stageOf(
        arm(1000, () => NaN),
        before[0]!.control,
      ),
    ];
    expect(judgeLook(lookAt(stages, { prePeriod: broken })).reason).toBe(
      'KPI sum clicks of before the rollout, stage 0, canary, bucket 0 is NaN',
    );
  });
});

describe('stages of a verdict', () => {
  const first = stageOf(arm(100, even(9)), arm(100, even(8)));
  const second = stageOf(arm(190, even(12)), arm(10, even(1)), 1);

  it('weighs D by planned information per unit times n_T·n_C/(n_T + n_C)', () => {
    const dOf = (look: Look) => judgeLook(look).metrics[0]!.d;
    const alone = { first: dOf(lookAt([first])), second: dOf(lookAt([second])) };
    const information = { first: 10_000 * (1 / 2), second: (19_000 * 1000) / 20_000 };
    for (const weight of [1, 4, 0.25]) {
      const plan = planOf({ stages: [canaryStage(5000), canaryStage(10_000, { informationPerUnit: weight })] });
      const total = information.first + weight * information.second;
      const expected = (information.first * alone.first + weight * information.second * alone.second) / total;
      expect(dOf(lookAt([first, second], { plan }))).toBeCloseTo(expected, 3);
    }
  });

  it('judges looks again that were stored before repeated exposures were summed', () => {
    const old = (buckets: BucketSums[]) => buckets.map(({ repeats: _repeats, ...sums }) => sums as BucketSums);
    const stored = stageOf(old(first.canary), old(first.control));
    const look = lookAt([first]);
    expect(judgeLook({ ...look, stages: [stored] }).metrics).toEqual(judgeLook(look).metrics);
    const plan = planOf({
      metrics: [
        { metric: 'value', role: 'primary' },
        { metric: 'repeatExposure', role: 'guardrail' },
      ],
    });
    expect(judgeLook({ ...look, plan, stages: [stored] }).metrics[1]!.verdict).toBe('no-data');
  });
});

describe('repeated exposure', () => {
  const plan = planOf({
    metrics: [
      { metric: 'value', role: 'primary' },
      { metric: 'repeatExposure', role: 'guardrail' },
    ],
  });
  const with3 = (buckets: BucketSums[], repeats: number) =>
    buckets.map((bucket) => ({ ...bucket, repeats: repeats + (bucket.userBucket % 2) }));
  const value = [arm(100, even(11)), arm(100, even(8))] as const;

  it('is better lower and rolls back a candidate that repeats itself', () => {
    const bad = judgeLook(lookAt([stageOf(with3(value[0], 30), with3(value[1], 10))], { plan }));
    expect(bad.verdict).toBe('inferior');
    expect(bad.reason).toMatch(/^repeatExposure is \+19\d\.\d % \(30\.5 against 10\.5 % of impressions\)/);
    expect(judgeLook(lookAt([stageOf(with3(value[0], 5), with3(value[1], 10))], { plan })).verdict).toBe(
      'non-inferior',
    );
  });
});

describe('segment guardrails', () => {
  const good = stageOf(arm(100, even(11)), arm(100, even(8)));
  const bad = stageOf(arm(100, even(3)), arm(100, even(8)));
  const guardrail = { by: 'country', value: 'DEU', metric: 'ctr' };
  const withGuardrail = (changes: object = {}) => planOf({ segmentGuardrails: [{ ...guardrail, ...changes }] });
  const lookOf = (segment: StageSums | null, plan = withGuardrail()) =>
    judgeLook(lookAt([good], { plan, segments: segment ? [{ by: 'country', value: 'DEU', stages: [segment] }] : [] }));

  it('roll back for one segment although the whole is better, and name it', () => {
    const evidence = lookOf(bad);
    expect(evidence.verdict).toBe('inferior');
    expect(evidence.reason).toMatch(/^ctr of country DEU is -6\d\.\d %/);
    expect(evidence.segments).toEqual([
      expect.objectContaining({ by: 'country', value: 'DEU', metric: 'ctr', verdict: 'inferior' }),
    ]);
    expect(lookOf(bad, withGuardrail({ action: 'hold' })).verdict).toBe('inconclusive');
    expect(lookOf(bad, withGuardrail({ action: 'warn' })).verdict).toBe('non-inferior');
  });

  it('let the candidate pass when the segment holds, and never without data of the segment', () => {
    expect(lookOf(good).verdict).toBe('non-inferior');
    const blind = lookOf(null);
    expect(blind.verdict).toBe('continue');
    expect(blind.reason).toContain('guardrail ctr of country DEU has no data');
  });

  it('share alpha with all other tests (Bonferroni), so that each bound is wider', () => {
    const many = planOf({
      segmentGuardrails: ['DEU', 'FRA', 'ITA', 'ESP'].map((value) => ({ ...guardrail, value, action: 'warn' })),
    });
    const upper = (plan: ReturnType<typeof planOf>) => judgeLook(lookAt([good], { plan })).metrics[0]!.upper;
    expect(upper(many)).toBeGreaterThan(upper(planOf()));
  });
});

describe('latency in the catastrophe lane', () => {
  const rng = seededRandom(11);
  const normal = seededNormal(rng);
  const latencies = (count: number, factor: number): LatencyHistogram =>
    mergeLatency(
      Array.from({ length: count }, () => [[latencyBin(300 * factor * Math.exp(0.6 * normal())), 1]] as const),
    );
  const good = stageOf(arm(100, even(8)), arm(100, even(8)));
  const laneOf = (canary: LatencyHistogram, control: LatencyHistogram, previousStreak: number) =>
    judgeLook(lookAt([good], { recentLatency: { canary, control }, previousStreak }));

  it('rolls back after three looks of a p99 that is 50 % higher', () => {
    const [slow, usual] = [latencies(2000, 1.5), latencies(8000, 1)];
    expect(laneOf(slow, usual, 0).verdict).not.toBe('inferior');
    const third = laneOf(slow, usual, 2);
    expect(third.verdict).toBe('inferior');
    expect(third.reason).toMatch(/^catastrophe lane: latencyMsP99 is 1\.\d+ ms in the canary, 1\.\d+ in the control/);
  });

  it('does not take the noise of a thousand decisions, nor 10 %, nor a slow machine for a slow candidate', () => {
    let fired = 0;
    for (let run = 0; run < 60; run++)
      if (laneOf(latencies(1000, 1), latencies(1000, 1), 2).catastrophe.fired) fired += 1;
    expect(fired).toBe(0);
    expect(laneOf(latencies(2000, 1.1), latencies(8000, 1), 2).catastrophe.fired).toBe(false);
    expect(laneOf(latencies(2000, 3), latencies(8000, 3), 2).catastrophe.fired).toBe(false);
  });

  it('sees in the whole stage what the window is too small for', () => {
    // Half as much again in a heavy tail: a window of a thousand may or may not show it, a stage of twenty thousand does.
    const small = { canary: latencies(1000, 1.26), control: latencies(24_000, 1) };
    const whole = { canary: latencies(20_000, 1.35), control: latencies(480_000, 1) };
    const fired = (stageLatency?: typeof whole) =>
      judgeLook(lookAt([good], { recentLatency: small, previousStreak: 2, ...(stageLatency ? { stageLatency } : {}) }))
        .catastrophe.fired;
    expect(fired()).toBe(false);
    expect(fired(whole)).toBe(true);
    expect(fired({ canary: latencies(20_000, 1), control: latencies(480_000, 1) })).toBe(false);
  });

  it('is evidence of a plan that names it', () => {
    const plan = planOf({
      metrics: [
        { metric: 'value', role: 'primary' },
        { metric: 'latencyMsP99', role: 'guardrail', margin: 0.2 },
      ],
    });
    const recentLatency = { canary: latencies(2000, 1), control: latencies(8000, 1) };
    const [, metric] = judgeLook(lookAt([good], { plan, recentLatency })).metrics;
    expect(metric).toMatchObject({ metric: 'latencyMsP99', verdict: 'non-inferior' });
    expect(metric!.canary).toBeGreaterThan(0.9);
    expect(metric!.canary).toBeLessThan(1.6);
    expect(judgeLook(lookAt([good], { plan })).metrics[1]!.verdict).toBe('no-data');
  });
});
