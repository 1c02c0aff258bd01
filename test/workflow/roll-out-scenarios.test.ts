import { ApplicationFailure } from '@temporalio/common';
import { SRM_ALARM_P, sequentialSampleRatioP } from '../../domain/evaluation/sample-ratio';
import type { RolloutView } from '../../workflows/messages';
import { alice, longPlan, refusal, RolloutDriver } from './rollout-driver';
import { stubRollout, type StubOptions } from './stub-rollout';
import { WorkflowEnvironment } from './workflow-environment';

let environment: WorkflowEnvironment;
beforeAll(async () => {
  environment = await WorkflowEnvironment.create();
}, 60_000);
afterAll(() => environment.teardown());
const driver = new RolloutDriver(() => environment);

const proven: StubOptions['verdictOf'] = () => 'non-inferior';

describe('outages', () => {
  test('traffic that stops half-way freezes the share, pages once, and ends with the champion at the deadline', async () => {
    const { view, pages, log } = await driver.run(longPlan([500, 2500]), {
      verdictOf: (stage, look) => (stage === 0 ? 'non-inferior' : look < 5 ? 'continue' : 'no-data'),
    });
    expect(view).toMatchObject({ state: 'rolled-back', stage: 1, verdict: 'no-data', shareBps: 0 });
    expect(pages).toMatchObject([{ kind: 'rollout-frozen' }]);
    expect(log.filter((line) => line.startsWith('serve'))).toEqual(['serve 0 500', 'serve 1 2500']);
    expect(log).not.toContain('promote');
  });

  test('a sample ratio that is off by 1 % freezes the share, whatever the metric says, until the deadline', async () => {
    let p = 1;
    let alarmedAt = 0;
    const { view, pages, log } = await driver.run(longPlan([5000, 9000]), {
      // 20,000 new users a look, half of them planned in the canary, 1 % too many there.
      verdictOf: (_stage, look) => {
        p = sequentialSampleRatioP([10_100 * look, 9_900 * look], [1, 1], p);
        if (p < SRM_ALARM_P) alarmedAt ||= look;
        return p < SRM_ALARM_P ? 'srm' : 'continue';
      },
    });
    expect(alarmedAt).toBeGreaterThan(1);
    expect(view).toMatchObject({ state: 'rolled-back', verdict: 'srm', stage: 0 });
    expect(view.reason).toMatch(/nobody decided within/);
    expect(pages).toMatchObject([{ kind: 'rollout-frozen' }]);
    expect(log.filter((line) => line.startsWith('serve'))).toEqual(['serve 0 5000']);
  });
});

describe('approvals', () => {
  test('a guardrail that breaks while an approval is waited for rolls back; the approval comes too late', async () => {
    const plan = longPlan([500, 2500], { approval: true });
    const stub = stubRollout({ guardFiresAfterMs: 3000, verdictOf: proven });
    await environment.with(stub.activities, async () => {
      const handle = await driver.start({
        ...plan,
        lookEverySeconds: 1,
        stages: plan.stages.map((s) => ({ ...s, holdSeconds: 1 })),
      });
      const waiting = await driver.until(handle, (v) => v.state === 'awaiting-approval', '1s');
      expect(waiting).toMatchObject({ guard: 'holding', shareBps: 500 });
      const view = (await handle.result()) as RolloutView;
      expect(view).toMatchObject({ state: 'rolled-back', shareBps: 0, approvals: [] });
      expect(view.reason).toMatch(/guardrail: errorShare/);
      await expect(driver.envelope(handle, 'approve')).rejects.toThrow();
    });
    expect(stub.log.filter((line) => line.startsWith('serve'))).toEqual(['serve 0 500']);
  });

  test('newer evidence voids an approval: what was seen before another verdict does not count', async () => {
    let verdict: 'non-inferior' | 'continue' | 'inconclusive' = 'non-inferior';
    const plan = longPlan([500, 2500], { approval: true });
    const { view, approvals } = await driver.run(plan, { verdictOf: () => verdict }, async (handle) => {
      const seen = await driver.until(handle, (v) => v.state === 'awaiting-approval');
      verdict = 'inconclusive';
      await driver.until(handle, (v) => v.verdict === 'inconclusive' && v.state === 'awaiting-approval');
      const old = { evidenceDigest: seen.evidenceDigest ?? '' };
      expect(await refusal(driver.envelope(handle, 'approve', old))).toBe('STALE_EVIDENCE');
      await driver.send(handle, 'reject', alice);
    });
    expect(view).toMatchObject({ state: 'rejected', stage: 0 });
    expect(approvals).toEqual([]);
  });
});

describe('promotion and roll-back', () => {
  test('an abort during a promotion that does not get through wins, and takes it back', async () => {
    let tries = 0;
    const before: StubOptions['before'] = (activity) => {
      if (activity !== 'promote') return Promise.resolve();
      tries += 1;
      throw ApplicationFailure.create({ message: 'Postgres is away', nextRetryDelay: '10 minutes' });
    };
    const { view, log } = await driver.run(longPlan([500]), { verdictOf: proven, before }, async (handle) => {
      await driver.until(handle, (v) => v.state === 'promoting');
      await environment.env.sleep('1 hour');
      await driver.send(handle, 'abort');
    });
    expect(tries).toBeGreaterThan(1);
    expect(view).toMatchObject({ state: 'aborted', safe: { targetId: 'bid-champion' } });
    expect(log).not.toContain('promote');
    expect(log).toContain('restore bid-champion');
  });

  test('bytes that changed between gate and deploy end a rollout, at a stage and at the promotion', async () => {
    const altered = 'artifact a1 was altered on disk';
    const atStage = await driver.run(longPlan([500, 2500]), {
      verdictOf: proven,
      refusal: (stage) => (stage === 1 ? { kind: 'artifact', reason: altered } : null),
    });
    expect(atStage.view).toMatchObject({ state: 'rolled-back', reason: altered });
    const atPromotion = await driver.run(longPlan([500]), {
      verdictOf: proven,
      promotion: () => ({ promoted: false, fault: altered }),
    });
    expect(atPromotion.view).toMatchObject({ state: 'rolled-back', reason: altered });
  });

  test('a roll-back that cannot be written is retried without limit and pages, again and again, each page once', async () => {
    let tries = 0;
    const before: StubOptions['before'] = (activity) => {
      if (activity !== 'restore' || (tries += 1) > 40) return Promise.resolve();
      throw ApplicationFailure.create({ message: 'Postgres is away', nextRetryDelay: '10 minutes' });
    };
    const verdictOf = () => 'inferior' as const;
    const { view, pages } = await driver.run(longPlan([500]), { verdictOf, before });
    expect(view).toMatchObject({ state: 'rolled-back', verdict: 'inferior' });
    const kinds = pages.map((page) => page.kind);
    expect(new Set(kinds)).toEqual(new Set(['roll-back-slow']));
    // After 30 s, 5 minutes later, then every hour of the seven.
    expect(kinds.length).toBeGreaterThanOrEqual(6);
    expect(kinds.length).toBeLessThanOrEqual(10);
  });

  test('a roll-back is not over before an edge has said so; edges that are gone are named, not waited for', async () => {
    let asked = 0;
    const edges: StubOptions['edges'] = () => {
      asked += 1;
      if (asked > 1 && asked < 12) return { acknowledged: [], stragglers: ['edge-1', 'edge-2'], connected: ['edge-1'] };
      return { acknowledged: ['edge-1'], stragglers: ['edge-2'], connected: [] };
    };
    const verdictOf = () => 'inferior' as const;
    const { view, pages, rows } = await driver.run(longPlan([500]), { verdictOf, edges });
    const rollingBack = rows.filter((row) => row.state === 'rolling-back');
    expect(rollingBack).toHaveLength(1);
    expect((rollingBack[0].view as RolloutView).safe).toBeNull();
    expect(view).toMatchObject({ state: 'rolled-back', safe: { acknowledged: ['edge-1'], stragglers: ['edge-2'] } });
    expect(asked).toBeGreaterThanOrEqual(12);
    expect(pages.map((page) => page.kind)).toContain('roll-back-stragglers');
  });

  test('a page that hangs holds up nothing', async () => {
    const before: StubOptions['before'] = (activity) =>
      activity === 'page'
        ? Promise.reject(ApplicationFailure.create({ message: 'hangs', nextRetryDelay: '1 day' }))
        : Promise.resolve();
    const { view, pages } = await driver.run(longPlan([500]), { verdictOf: () => 'inconclusive', before });
    expect(view).toMatchObject({ state: 'rolled-back', verdict: 'inconclusive' });
    expect(pages).toEqual([]);
  });
});
