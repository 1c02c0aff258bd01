import fc from 'fast-check';
import { rolloutPlanSchema, type KpiSum, type RolloutPlan } from '../contracts';
import type { Look } from './look';
import { rejudger, type PastLook, type RejudgedRollout } from './rejudge';
import { OWN_POLICY, rejudgePolicySchema, underPolicy } from './rejudge-policy';
import { noSums, totalSums, type BucketSums } from './stage-sums';
import { readStoredLook } from './stored-look';
import { judgeLook } from './verdict';

const canary = (shareBps: number, changes: object = {}) => ({
  kind: 'canary' as const,
  shareBps,
  holdSeconds: 60,
  minPrimaryEvents: 100,
  minDecisions: 1000,
  maxSeconds: 3600,
  ...changes,
});
const planOf = (changes: object = {}): RolloutPlan =>
  rolloutPlanSchema.parse({
    version: 1,
    name: 'own',
    bucketSeconds: 5,
    lookEverySeconds: 10,
    labelMaturitySeconds: 2,
    designEffect: { better: 0.3, worse: -0.3 },
    stages: [canary(2500), canary(5000)],
    metrics: [
      { metric: 'value', role: 'primary' },
      { metric: 'ctr', role: 'guardrail' },
    ],
    ...changes,
  });

/** 100 buckets of one arm; `clicks` on average per bucket. */
const arm = (requests: number, clicks: number): BucketSums[] =>
  Array.from({ length: 100 }, (_, userBucket) => {
    const own = clicks === 0 ? 0 : clicks + (userBucket % 3) - 1;
    const traffic = { requests, eligible: requests, bids: requests, wins: requests, impressions: requests };
    const money = { valueNanos: own * 100_000_000, spendNanos: requests * 2_000_000 };
    return { ...noSums(), userBucket, ...traffic, clicks: own, ...money };
  });

/** Looks of one stage as the control plane stores them, each judged when it was taken. */
function pastLooks(
  plan: RolloutPlan,
  looks: { canaryClicks: number; elapsedSeconds?: number }[],
  stage = 0,
): PastLook[] {
  return looks.map(({ canaryClicks, elapsedSeconds = 300 }, at) => {
    const share = plan.stages[stage]!.shareBps / 10_000;
    const arms = {
      canary: arm(Math.round(400 * share), canaryClicks),
      control: arm(Math.round(400 * (1 - share)), 24),
    };
    const look: Look = {
      rolloutId: 'r1',
      stage,
      look: at + 1,
      atMs: 1_000_000 + at * 10_000,
      stageStartedMs: 1_000_000 + at * 10_000 - elapsedSeconds * 1000,
      matureUntilMs: 995_000 + at * 10_000,
      plan,
      stages: [{ stage, ...arms }],
      recent: { canary: totalSums(arms.canary), control: totalSums(arms.control) },
      exposures: { canary: Math.round(1000 * share), control: Math.round(1000 * (1 - share)) },
      previousSrmP: 1,
      previousStreak: 0,
      newestDecisionMs: 999_000 + at * 10_000,
    };
    return stored(look);
  });
}

function stored(look: Look): PastLook {
  const evidence = JSON.parse(JSON.stringify(judgeLook(look))) as PastLook & { inputs: unknown };
  return evidence;
}

function rejudge(looks: PastLook[], policy: object = OWN_POLICY): RejudgedRollout {
  const judge = rejudger(rejudgePolicySchema.parse(policy));
  for (const look of looks) judge.add(look);
  return judge.result();
}

const better = { canaryClicks: 11 };
const worse = { canaryClicks: 7 };

describe('rejudge', () => {
  it('flips a promotion that a stricter sample minimum would have held', () => {
    const found = rejudge(pastLooks(planOf(), [better, better]), { stage: { minPrimaryEvents: 5000 } });
    expect(found).toMatchObject({ looks: 2, judged: 2, verdictsChanged: 2, unjudged: [] });
    expect(found.flips.map(({ from, to, first }) => [from.step, to.step, first])).toEqual([
      ['advance', 'hold', true],
      ['advance', 'hold', false],
    ]);
    expect(found.flips[0]!.to.reason).toMatch(/has \d+ of 5000 primary events/);
  });

  it('flips a roll-back that a wider margin would have let through, and says why on both sides', () => {
    const metrics = [{ metric: 'value', role: 'primary', margin: 0.4 }];
    const [flip] = rejudge(pastLooks(planOf(), [worse]), { metrics }).flips;
    expect(flip).toMatchObject({ from: { verdict: 'inferior', step: 'roll-back' }, to: { step: 'advance' } });
    expect(flip!.from.reason).toMatch(/worse than allowed/);
    expect(flip!.to.reason).toMatch(/inside the 40 % margin/);
  });

  it('tells what the naive rule would have done: it rolls back on an estimate that proves nothing', () => {
    // 7.55 against 8 clicks a bucket: estimated -5.6 %, of which the sequence proves neither side.
    const looks = pastLooks(planOf(), [{ canaryClicks: 7.55 }]);
    expect(looks[0]!.verdict).toBe('continue');
    const [flip] = rejudge(looks, { rule: 'naive' }).flips;
    expect(flip).toMatchObject({ from: { step: 'hold' }, to: { verdict: 'inferior', step: 'roll-back' } });
    const [promoted] = rejudge(pastLooks(planOf(), [{ canaryClicks: 7.65 }]), { rule: 'naive' }).flips;
    expect(promoted).toMatchObject({ from: { step: 'hold' }, to: { verdict: 'non-inferior', step: 'advance' } });
  });

  it('takes rules of another plan by share, and leaves alone what made the data', () => {
    const other = planOf({
      alpha: 0.01,
      lookEverySeconds: 60,
      stages: [canary(100, { minDecisions: 7 }), canary(5000, { minDecisions: 8, holdSeconds: 9 })],
      metrics: [{ metric: 'roi', role: 'primary' }],
    });
    const made = underPolicy(planOf(), rejudgePolicySchema.parse({ plan: other }));
    expect(made).toMatchObject({ name: 'own', alpha: 0.01, lookEverySeconds: 10, metrics: [{ metric: 'roi' }] });
    expect(made.stages.map(({ shareBps, minDecisions, holdSeconds }) => [shareBps, minDecisions, holdSeconds])).toEqual(
      [
        [2500, 7, 60],
        [5000, 8, 9],
      ],
    );
  });

  it('rolls back at the decision deadline of the policy, counted over consecutive undecided looks', () => {
    const looks = pastLooks(
      planOf(),
      [1, 2, 3].map(() => ({ canaryClicks: 7.6, elapsedSeconds: 4000 })),
    );
    expect(looks.map(({ verdict }) => verdict)).toEqual(['inconclusive', 'inconclusive', 'inconclusive']);
    const { flips } = rejudge(looks, { decisionDeadlineSeconds: 20 });
    expect(flips.map(({ look, from, to }) => [look, from.step, to.step])).toEqual([[3, 'page', 'roll-back']]);
  });

  it('lists what it cannot judge with its reason, and judges the rest', () => {
    const [first, second, third] = pastLooks(planOf(), [better, better, better]) as [PastLook, PastLook, PastLook];
    const found = rejudge([
      { ...first, inputs: null },
      { ...second, inputs: { ...(second.inputs as object), plan: { version: 1 } } },
      third,
    ]);
    expect(found).toMatchObject({ looks: 3, judged: 1, flips: [] });
    expect(found.unjudged.map(({ look, reason }) => `${look}: ${reason}`)).toEqual([
      '1: the look has no inputs',
      expect.stringMatching(/^2: its plan cannot be read: \/name /),
    ]);
  });

  it('reads a look of a version that had fewer sums, unless the policy needs one of them', () => {
    const without = (name: KpiSum, [look]: PastLook[]): PastLook => {
      const inputs = JSON.parse(JSON.stringify(look!.inputs)) as Look;
      const strip = (sums: Partial<BucketSums>) => delete sums[name];
      for (const { canary: ours, control } of inputs.stages) [...ours, ...control].forEach(strip);
      [inputs.recent.canary, inputs.recent.control].forEach(strip);
      return { ...look!, inputs: { ...inputs, previousStreak: undefined } };
    };
    const old = without('conversions', pastLooks(planOf(), [better]));
    expect(rejudge([old])).toMatchObject({ judged: 1, flips: [], unjudged: [] });
    const { unjudged } = rejudge([old], { metrics: [{ metric: 'cpa', role: 'primary' }] });
    expect(unjudged).toEqual([
      expect.objectContaining({ reason: 'sum conversions was not recorded when this look was taken' }),
    ]);
  });

  it('needs what a new metric reads beside sums, and reads it back where the look has it', () => {
    const looks = pastLooks(planOf(), [better]);
    for (const [metric, lacking] of [
      ['latencyMsP99', 'latency'],
      ['spendToPlan', 'planned spend'],
    ]) {
      const { unjudged } = rejudge(looks, { metrics: [...planOf().metrics, { metric, role: 'guardrail' }] });
      expect(unjudged).toEqual([
        expect.objectContaining({ reason: `${lacking} was not recorded when this look was taken` }),
      ]);
    }
    const plan = planOf({
      metrics: [...planOf().metrics, { metric: 'latencyMsP99', role: 'guardrail', margin: 0.2 }],
      segmentGuardrails: [{ by: 'country', value: 'DE', metric: 'ctr' }],
    });
    const bare = pastLooks(plan, [better])[0]!.inputs as Look;
    const histogram = [
      [200, 5000],
      [240, 60],
    ] as const;
    const full = stored({
      ...bare,
      recentLatency: { canary: histogram, control: histogram },
      plannedSpendNanos: { canary: 1e10, control: 3e10 },
      prePeriod: [{ stage: 0, canary: arm(100, 8), control: arm(300, 24) }],
      segments: [{ by: 'country', value: 'DE', stages: [{ stage: 0, canary: arm(50, 4), control: arm(150, 12) }] }],
    });
    expect(full).toMatchObject({ segments: [{ value: 'DE' }] });
    expect(rejudge([full])).toEqual({ looks: 1, judged: 1, verdictsChanged: 0, flips: [], unjudged: [] });
  });

  it('keeps members that this version does not know', () => {
    const [look] = pastLooks(planOf(), [better]);
    const read = readStoredLook({ ...(look!.inputs as object), later: { x: 1 } });
    expect(read).toMatchObject({ ok: true, look: { later: { x: 1 } } });
  });

  it('flips nothing under the own plan, whatever the traffic was', () => {
    const world = fc.record({
      clicks: fc.array(
        fc.record({ canaryClicks: fc.integer({ min: 0, max: 30 }), elapsedSeconds: fc.integer({ min: 0, max: 5000 }) }),
        {
          minLength: 1,
          maxLength: 6,
        },
      ),
      alpha: fc.constantFrom(0.01, 0.05, 0.2),
      margin: fc.constantFrom(0.02, 0.05, 0.3),
      action: fc.constantFrom('warn', 'hold', 'rollback'),
      stage: fc.constantFrom(0, 1),
      deadline: fc.constantFrom(10, 25, 86_400),
    });
    fc.assert(
      fc.property(world, ({ clicks, alpha, margin, action, stage, deadline }) => {
        const plan = planOf({
          alpha,
          decisionDeadlineSeconds: deadline,
          metrics: [
            { metric: 'value', role: 'primary', margin, action },
            { metric: 'ctr', role: 'guardrail', action },
            { metric: 'errorShare', role: 'guardrail' },
          ],
        });
        const looks = pastLooks(plan, clicks, stage);
        for (const policy of [OWN_POLICY, { plan }]) {
          const found = rejudge(looks, policy);
          expect(found).toEqual({
            looks: looks.length,
            judged: looks.length,
            verdictsChanged: 0,
            flips: [],
            unjudged: [],
          });
        }
      }),
      { numRuns: 60 },
    );
  });
});
