import { defaultPlan } from '../contracts';
import { lintPlan, type PlanFacts } from './plan-lint';

/** A plan as JSON, to be broken in any way. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Editable = any;

/** The default plan as JSON, changed by `edit`. */
function edited(edit: (plan: Editable) => void): unknown {
  const plan = JSON.parse(JSON.stringify(defaultPlan('test'))) as Editable;
  edit(plan);
  return plan;
}

/** `pointer code` of every fault. */
function faults(input: unknown, facts = {}): string[] {
  const linted = lintPlan(input, facts);
  return linted.ok ? [] : linted.faults.map((fault) => `${fault.pointer} ${fault.code}`);
}

describe('plan linter', () => {
  it('accepts the default plan', () => {
    expect(lintPlan(defaultPlan('test'))).toEqual({ ok: true, plan: defaultPlan('test') });
  });

  it.each([
    ['/stages/2/shareBps SHARES_NOT_RISING', (p: Editable) => (p.stages[2].shareBps = 100)],
    [
      '/stages/1/maxSeconds HORIZON_NOT_AFTER_HOLD',
      (p: Editable) => (p.stages[1].holdSeconds = p.stages[1].maxSeconds),
    ],
    ['/stages/1/minPrimaryEvents SAMPLE_TOO_SMALL', (p: Editable) => (p.stages[1].minPrimaryEvents = 99)],
    ['/stages/1/shareBps INVALID_FIELD', (p: Editable) => (p.stages[1].shareBps = 10_001)],
    ['/stages/2/kind SHADOW_AFTER_CANARY', (p: Editable) => (p.stages[2].kind = 'shadow')],
    ['/stages NO_CANARY_STAGE', (p: Editable) => (p.stages = p.stages.slice(0, 1))],
    ['/metrics NO_PRIMARY_METRIC', (p: Editable) => (p.metrics[0].role = 'guardrail')],
    ['/metrics SEVERAL_PRIMARY_METRICS', (p: Editable) => (p.metrics[1].role = 'primary')],
    ['/metrics/0/metric UNKNOWN_METRIC', (p: Editable) => (p.metrics[0].metric = 'happiness')],
    ['/metrics/1/metric DUPLICATE_METRIC', (p: Editable) => (p.metrics[1].metric = 'value')],
    ['/metrics/2/role NOT_TESTABLE', (p: Editable) => (p.metrics[2].prove = true)],
    ['/metrics/0/margin ZERO_MARGIN', (p: Editable) => (p.metrics[0].margin = 0)],
    ['/stages/0/maxSeconds NO_LOOK_IN_STAGE', (p: Editable) => (p.lookEverySeconds = 90_000)],
    ['/stages/1/maxSeconds LABELS_NEVER_MATURE', (p: Editable) => (p.labelMaturitySeconds = 14 * 86_400)],
    ['/waiverReason WAIVER_WITHOUT_REASON', (p: Editable) => (p.feasibility = 'waived')],
    ['/designEffect/better EFFECT_BEYOND_MARGIN', (p: Editable) => (p.designEffect = { better: -0.05, worse: -0.1 })],
    ['/designEffect/worse EFFECT_WITHIN_MARGIN', (p: Editable) => (p.designEffect = { better: 0, worse: -0.05 })],
    ['/alpha INVALID_FIELD', (p: Editable) => (p.alpha = 0.5)],
    ['/turbo UNKNOWN_FIELD', (p: Editable) => (p.turbo = true)],
    [' INVALID_FIELD', null],
  ])('reports %s', (fault, edit) => {
    expect(faults(edit ? edited(edit) : 'no plan')).toContain(fault);
  });

  it('lists every fault at once, also of readable parts beside unreadable ones', () => {
    const found = faults(
      edited((plan) => {
        plan.stages[1].shareBps = 'many';
        plan.stages[3].shareBps = 400;
        plan.stages[4].minPrimaryEvents = 5;
        plan.metrics[1].metric = 'happiness';
        plan.metrics[0].margin = 0;
      }),
    );
    expect(found).toEqual([
      '/stages/1/shareBps INVALID_FIELD',
      '/metrics/1/metric UNKNOWN_METRIC',
      '/stages/3/shareBps SHARES_NOT_RISING',
      '/stages/4/minPrimaryEvents SAMPLE_TOO_SMALL',
      '/metrics/0/margin ZERO_MARGIN',
    ]);
  });

  it('uses what it knows of the world', () => {
    const plan = edited((p) => p.metrics.push({ metric: 'revenue', role: 'guardrail' }));
    expect(faults(plan, { agent: 'creative' })).toEqual([]);
    expect(faults(plan, { agent: 'bid' })).toEqual(['/metrics/3/role REVENUE_NO_GUARDRAIL']);
    expect(faults(defaultPlan('x'), { dataAgeSeconds: { value: null, roi: 10 } })).toEqual([
      '/metrics/0/metric NO_FRESH_DATA',
    ]);
  });
});

describe('segment guardrails and facts of a plan', () => {
  const plan = { ...defaultPlan('p'), segmentGuardrails: [] as object[] };
  const codes = (segmentGuardrails: object[], facts: PlanFacts = {}) => {
    const linted = lintPlan({ ...plan, segmentGuardrails }, facts);
    return linted.ok ? [] : linted.faults.map(({ code, pointer }) => `${pointer} ${code}`);
  };

  it('takes segments whose metric can be told apart, and names every other one', () => {
    const ctr = { by: 'country', value: 'DEU', metric: 'ctr' };
    expect(codes([ctr, { ...ctr, metric: 'value' }, { by: 'campaign', value: 'c1', metric: 'ctr' }])).toEqual([]);
    expect(
      codes([
        ctr,
        ctr,
        { by: 'campaign', value: 'c1', metric: 'value' },
        { by: 'deviceType', value: 'phone', metric: 'ctr' },
        { by: 'exchange', value: 'demo', metric: 'latencyMsP99' },
      ]),
    ).toEqual([
      '/segmentGuardrails/1 DUPLICATE_SEGMENT',
      '/segmentGuardrails/2/metric NO_CAMPAIGN_METRIC',
      '/segmentGuardrails/3/value UNKNOWN_SEGMENT',
      '/segmentGuardrails/4/metric NOT_TESTABLE',
    ]);
  });

  it('wants fresh data of the metrics that it names, and thirty user buckets', () => {
    const stale = { dataAgeSeconds: { ctr: 7200, value: 5, roi: 5, fallbackShare: 5, cpa: null } };
    expect(codes([], stale)).toEqual([]);
    expect(codes([{ by: 'country', value: 'DEU', metric: 'ctr' }], stale)).toEqual([
      '/segmentGuardrails/0/metric NO_FRESH_DATA',
    ]);
    expect(codes([], { nonEmptyBuckets: 29 })).toEqual(['/metrics TOO_FEW_USER_BUCKETS']);
    expect(codes([], { nonEmptyBuckets: 30 })).toEqual([]);
  });
});
