import { experimentPlanSchema, type ExperimentPlan, type KpiSums } from '../contracts';
import type { Look } from '../rollout/look';
import { noSums, type BucketSums } from '../rollout/stage-sums';
import { judgeExperimentLook, rolloutPlanOf, type ExperimentLook } from './look';
import { lintExperiment } from './plan-lint';

const plan = (change: Partial<ExperimentPlan> = {}): ExperimentPlan => ({
  ...experimentPlanSchema.parse({
    version: 1,
    name: 'shading',
    primary: 'value',
    guardrails: [{ metric: 'roi' }],
    horizonSeconds: 14 * 86_400,
  }),
  ...change,
});

const BUCKETS = 200;

/** Buckets of one arm: `clicks` per bucket around a fixed ripple, so that variances are real and arms are reproducible. */
function arm(clicks: number, change: Partial<KpiSums> = {}, salt = 0): BucketSums[] {
  return Array.from({ length: BUCKETS }, (_, userBucket) => {
    const ripple = 1 + 0.2 * Math.sin((userBucket + salt) * 12.9898);
    return {
      ...noSums(),
      userBucket,
      requests: 1000,
      eligible: 1000,
      bids: 1000,
      wins: 1000,
      impressions: 1000,
      clicks: clicks * ripple,
      valueNanos: clicks * ripple * 1e6,
      spendNanos: 10 * 1e6,
      ...change,
    };
  });
}

const totals = (buckets: readonly BucketSums[]): KpiSums => {
  const sum = noSums();
  for (const bucket of buckets) for (const name of Object.keys(sum) as (keyof KpiSums)[]) sum[name] += bucket[name];
  return sum;
};

const DAY = 86_400_000;

function experimentLook(
  treatment: BucketSums[],
  control: BucketSums[],
  change: { plan?: Partial<ExperimentPlan>; look?: Partial<Look>; experiment?: Partial<ExperimentLook> } = {},
): ExperimentLook {
  const own = plan(change.plan);
  const atMs = 5 * DAY;
  return {
    plan: own,
    planDigest: 'digest',
    controlIsChampion: true,
    servedSeconds: 5 * 86_400,
    previousControlStreak: 0,
    look: {
      rolloutId: 'exp_1',
      stage: 0,
      look: 3,
      atMs,
      stageStartedMs: 0,
      matureUntilMs: atMs - 3_600_000,
      plan: rolloutPlanOf(own, 1),
      stages: [{ stage: 0, canary: treatment, control }],
      recent: { canary: totals(treatment), control: totals(control) },
      exposures: { canary: 10_000, control: 10_000 },
      previousSrmP: 1,
      previousStreak: 0,
      newestDecisionMs: atMs,
      ...change.look,
    },
    ...change.experiment,
  };
}

describe('look of an experiment', () => {
  it('names the better arm, in the metric’s own direction', () => {
    const better = judgeExperimentLook(experimentLook(arm(22), arm(20, {}, 50)));
    expect(better.verdict).toBe('treatment-better');
    expect(better.reason).toMatch(/^value is \+\d/);
    const worse = judgeExperimentLook(experimentLook(arm(18), arm(20, {}, 50), { plan: { guardrails: [] } }));
    expect(worse.verdict).toBe('control-better');
    // Cost per click falls when the same spend buys more clicks.
    const cheaper = judgeExperimentLook(experimentLook(arm(22), arm(20, {}, 50), { plan: { primary: 'cpc' } }));
    expect(cheaper.readout!.difference.upper).toBeLessThan(0);
    expect(cheaper.verdict).toBe('treatment-better');
  });

  it('shows no difference where there is none, and holds what both bounds are', () => {
    const same = judgeExperimentLook(experimentLook(arm(20), arm(20, {}, 50)));
    expect(same.verdict).toBe('no-difference-shown');
    expect(same.readout!.relative.lower!).toBeLessThan(0);
    expect(same.readout!.relative.upper!).toBeGreaterThan(0);
    expect(same.readout!.p).toBeGreaterThan(0.05);
  });

  it('a harmed guardrail ends it although the primary gains', () => {
    const dear = judgeExperimentLook(experimentLook(arm(22, { spendNanos: 14 * 1e6 }), arm(20, {}, 50)));
    expect(dear.verdict).toBe('guardrail');
    expect(dear.reason).toMatch(/^roi is -/);
    expect(dear.readout).not.toBeNull();
  });

  it('a treatment that merely loses is no guardrail’s business, one that collapses is', () => {
    const loses = judgeExperimentLook(experimentLook(arm(18), arm(20, {}, 50), { plan: { guardrails: [] } }));
    expect(loses.verdict).toBe('control-better');
    const collapses = judgeExperimentLook(experimentLook(arm(10), arm(20, {}, 50), { plan: { guardrails: [] } }));
    expect(collapses).toMatchObject({ verdict: 'guardrail', catastrophe: { fired: true } });
  });

  it('a control that is not the champion is stopped for harm as well', () => {
    const collapsed = (controlIsChampion: boolean) =>
      judgeExperimentLook(
        experimentLook(arm(20), arm(10, {}, 50), { plan: { guardrails: [] }, experiment: { controlIsChampion } }),
      );
    expect(collapsed(true).verdict).toBe('treatment-better');
    expect(collapsed(false)).toMatchObject({ verdict: 'guardrail', catastrophe: { fired: true } });
    expect(collapsed(false).reason).toMatch(/control arm/);
  });

  it('counts breaches of the control over looks', () => {
    const failing = arm(20, { errors: 400 }, 50);
    const at = (previousControlStreak: number) =>
      judgeExperimentLook(
        experimentLook(arm(20), failing, { experiment: { controlIsChampion: false, previousControlStreak } }),
      );
    expect(at(0)).toMatchObject({ catastrophe: { controlStreak: 1, fired: false } });
    expect(at(2)).toMatchObject({ verdict: 'guardrail', catastrophe: { controlStreak: 3, fired: true } });
  });

  it('says nothing about arms whose sample ratio is off, and nothing without fresh data', () => {
    const mismatched = judgeExperimentLook(
      experimentLook(arm(22), arm(20), { look: { exposures: { canary: 9000, control: 11_000 } } }),
    );
    expect(mismatched).toMatchObject({ verdict: 'srm', readout: null });
    const silent = judgeExperimentLook(experimentLook(arm(22), arm(20), { look: { newestDecisionMs: 0 } }));
    expect(silent).toMatchObject({ verdict: 'no-data', readout: null });
    const broken = arm(20);
    broken[3] = { ...broken[3]!, clicks: Number.NaN };
    expect(judgeExperimentLook(experimentLook(broken, arm(20))).verdict).toBe('error');
  });

  it('too few events or buckets are no read-out', () => {
    expect(judgeExperimentLook(experimentLook(arm(0.2), arm(0.2))).verdict).toBe('too-few-data');
    expect(judgeExperimentLook(experimentLook(arm(400).slice(0, 20), arm(400).slice(0, 20))).verdict).toBe(
      'too-few-data',
    );
  });

  it('joins serving periods without pooling them: a base rate that moved between them is no effect', () => {
    const own = plan({ guardrails: [] });
    const periods = [
      { stage: 0, canary: arm(20), control: arm(20, {}, 50) },
      { stage: 1, canary: arm(40).slice(0, 40), control: arm(40, {}, 50) },
    ];
    const judged = judgeExperimentLook(
      experimentLook([], [], {
        plan: own,
        look: {
          stage: 1,
          plan: rolloutPlanOf(own, 2),
          stages: periods,
          recent: { canary: totals(periods[1]!.canary), control: totals(periods[1]!.control) },
        },
      }),
    );
    expect(judged.verdict).toBe('no-difference-shown');
    expect(Math.abs(judged.readout!.relative.estimate)).toBeLessThan(0.05);
    expect(judged.period).toBe(1);
  });
});

describe('registration', () => {
  const subject = { control: {}, treatment: { versions: { bid: 'bid-2' } } };
  const raw = { version: 1, name: 'x', primary: 'value', horizonSeconds: 86_400 };
  const codes = (subjectChange: unknown, planChange: object) => {
    const linted = lintExperiment(subjectChange, { ...raw, ...planChange });
    return linted.ok ? [] : linted.faults.map(({ pointer, code }) => `${pointer} ${code}`);
  };

  it('accepts two versions of one agent, bundles, and an A/A of the champion', () => {
    expect(codes(subject, {})).toEqual([]);
    expect(codes({ control: { versions: { bid: 'a' } }, treatment: { versions: { bid: 'b' } } }, {})).toEqual([]);
    expect(codes({ control: {}, treatment: { versions: { bid: 'b', budget: 'c' } } }, {})).toEqual([]);
  });

  it('lists every fault', () => {
    expect(
      codes(
        { control: {}, treatment: {} },
        {
          primary: 'lateShare',
          guardrails: [{ metric: 'roi', margin: 0 }, { metric: 'roi' }],
          minPrimaryEvents: 5,
          lookEverySeconds: 100_000,
          labelMaturitySeconds: 90_000,
          feasibility: 'waived',
        },
      ),
    ).toEqual([
      '/plan/primary NOT_TESTABLE',
      '/plan/guardrails/0/margin ZERO_MARGIN',
      '/plan/guardrails/1/metric DUPLICATE_METRIC',
      '/plan/minPrimaryEvents SAMPLE_TOO_SMALL',
      '/plan/lookEverySeconds NO_LOOK_BEFORE_HORIZON',
      '/plan/horizonSeconds LABELS_NEVER_MATURE',
      '/plan/waiverReason WAIVER_WITHOUT_REASON',
      '/subject EMPTY_SUBJECT',
    ]);
    expect(codes(subject, { guardrails: [{ metric: 'revenue' }] })).toEqual([
      '/plan/guardrails/0/metric REVENUE_NO_GUARDRAIL',
    ]);
    expect(codes({ control: {}, treatment: { family: 'duolith' } }, { horizonSeconds: 0 })).toHaveLength(2);
  });
});
