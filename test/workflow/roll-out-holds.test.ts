import { longPlan, RolloutDriver, DAY, HOUR, refusal, author } from './rollout-driver';
import type { StubOptions } from './stub-rollout';
import { WorkflowEnvironment } from './workflow-environment';

let environment: WorkflowEnvironment;
beforeAll(async () => {
  environment = await WorkflowEnvironment.create();
}, 60_000);
afterAll(() => environment.teardown());
const driver = new RolloutDriver(() => environment);

const proven: StubOptions['verdictOf'] = () => 'non-inferior';
const served = (log: string[]) => log.filter((line) => /^(serve|refused|promote|restore|await)/.test(line));

describe('freezes and the stopped line', () => {
  test('a proven stage stays while increases are held, guard and looks go on, and it rises when they are free', async () => {
    let held: string | null = null;
    const { view, log, looks } = await driver
      .run(longPlan([500, 2500]), { verdictOf: proven, held: () => held }, async (handle) => {
        await driver.until(handle, (v) => v.shareBps === 500, '1s');
        held = 'the line is stopped by olga: spend looks wrong';
        const waiting = await driver.until(handle, (v) => v.look >= 8);
        expect(waiting).toMatchObject({ state: 'canary', stage: 0, shareBps: 500, guard: 'holding', held });
        expect(waiting.waitingFor).toMatch(/increases to be allowed: the line is stopped by olga/);
        held = null;
      })
      .catch(async (error: unknown) => {
        throw error;
      });
    expect(view.state).toBe('promoted');
    expect(served(log)).toEqual(
      ['await release', 'serve 0 500', 'serve 1 2500', 'promote'].filter((l) => log.includes(l)),
    );
    expect(looks.filter((look) => look.stage === 0).length).toBeGreaterThanOrEqual(8);
  });

  test('nothing is served at all while the first stage is held', async () => {
    let held: string | null = 'freeze "holidays"';
    const { view, log } = await driver.run(longPlan([500]), { verdictOf: proven, held: () => held }, async (handle) => {
      const waiting = await driver.until(handle, (v) => v.held !== null && v.state === 'planned', '1s');
      expect(waiting).toMatchObject({ shareBps: 0, waitingFor: 'increases to be allowed: freeze "holidays"' });
      held = null;
    });
    expect(view.state).toBe('promoted');
    expect(served(log)).toEqual(['refused 0: held', 'await release', 'serve 0 500', 'promote']);
  });

  test('an abort does not wait for a freeze', async () => {
    const { view, log } = await driver.run(longPlan([500]), { held: () => 'freeze "holidays"' }, async (handle) => {
      await driver.until(handle, (v) => v.state === 'planned' && v.held !== null, '1s');
      await driver.send(handle, 'abort');
    });
    expect(view.state).toBe('aborted');
    expect(served(log)).toEqual(['refused 0: held', 'await release', 'restore bid-champion']);
  });

  test('an approval in a freeze stands and acts when the freeze ends; the deadline does not count against it', async () => {
    let held: string | null = null;
    const plan = longPlan([500, 2500], { approval: true });
    plan.stages[1].approval = false;
    const { view, approvals } = await driver.run(plan, { verdictOf: proven, held: () => held }, async (handle) => {
      await driver.until(handle, (v) => v.state === 'awaiting-approval');
      held = 'freeze "holidays"';
      await driver.envelope(handle, 'approve', { expiresAtMs: Number.MAX_SAFE_INTEGER });
      const waiting = await driver.until(handle, (v) => v.held !== null, '1s');
      expect(waiting).toMatchObject({ state: 'awaiting-approval', shareBps: 500 });
      await environment.env.sleep('2 days');
      expect(await driver.until(handle, () => true)).toMatchObject({ stage: 0, shareBps: 500, guard: 'holding' });
      held = null;
    });
    expect(view.state).toBe('promoted');
    expect(approvals).toHaveLength(1);
  });

  test('a hold that comes between look and increase sends the rollout back to the stage that serves', async () => {
    let atServe = 2;
    let atPromotion = 1;
    const { view, log, guards } = await driver.run(longPlan([500, 2500]), {
      verdictOf: proven,
      refusal: (stage) => (stage === 1 && atServe-- > 0 ? { kind: 'held', reason: 'freeze "race"' } : null),
      promotion: () => (atPromotion-- > 0 ? { promoted: false, held: 'freeze "race"' } : {}),
    });
    expect(view).toMatchObject({ state: 'promoted', stage: 1 });
    expect(served(log)).toEqual([
      'serve 0 500',
      'refused 1: held',
      'refused 1: held',
      'serve 1 2500',
      'promote',
      'promote',
    ]);
    // Every return to the stage has its own guard.
    expect(guards()).toBeGreaterThanOrEqual(5);
  });

  test('inconclusive in a freeze pages all the same, and is rolled back at its deadline', async () => {
    let held: string | null = null;
    const { view, pages } = await driver.run(
      longPlan([500, 2500]),
      { verdictOf: () => 'inconclusive', held: () => held },
      async (handle) => {
        await driver.until(handle, (v) => v.shareBps === 500, '1s');
        held = 'freeze "holidays"';
      },
    );
    expect(view.state).toBe('rolled-back');
    expect(view.reason).toMatch(new RegExp(`nobody decided within ${DAY} s`));
    expect(pages).toMatchObject([{ kind: 'rollout-undecided', subject: view.rolloutId, agent: 'bid' }]);
  });
});

describe('full promotion', () => {
  test('skips the remaining stages of a proven candidate, by a second person, on the evidence seen', async () => {
    let verdict: 'continue' | 'srm' | 'non-inferior' = 'continue';
    const { view, log, approvals } = await driver.run(
      longPlan([500, 2500, 5000], { holdSeconds: 3 * DAY }),
      { verdictOf: () => verdict },
      async (handle) => {
        const full = (change: Parameters<RolloutDriver['envelope']>[2] = {}) =>
          driver.envelope(handle, 'promoteFully', change);
        await driver.until(handle, (v) => v.look >= 1);
        expect(await refusal(full())).toBe('FULL_PROMOTION_REFUSED');
        verdict = 'srm';
        await driver.until(handle, (v) => v.verdict === 'srm');
        expect(await refusal(full())).toBe('FULL_PROMOTION_REFUSED');
        verdict = 'non-inferior';
        await driver.until(handle, (v) => v.verdict === 'non-inferior');
        expect(await refusal(full({ by: author }))).toBe('ROLE_NOT_ALLOWED');
        expect(await refusal(full({ by: { name: author.name, role: 'admin' } }))).toBe('FOUR_EYES');
        expect(await refusal(full({ evidenceDigest: 'other' }))).toBe('STALE_EVIDENCE');
        expect(await refusal(full({ expiresAtMs: 1 }))).toBe('APPROVAL_EXPIRED');
        await driver.send(handle, 'pause');
        expect(await refusal(full())).toBe('FULL_PROMOTION_REFUSED');
        await driver.send(handle, 'resume');
        await full();
      },
    );
    expect(view).toMatchObject({ state: 'promoted', stage: 0, shareBps: 0 });
    expect(served(log)).toEqual(['serve 0 500', 'promote']);
    expect(approvals).toMatchObject([{ approver: 'alice', stage: 0, decision: 'approve' }]);
  });

  test('is refused by a plan that forbids it, and while increases are held', async () => {
    let held: string | null = null;
    const plan = longPlan([500, 2500], { holdSeconds: 2 * HOUR });
    await driver.run(plan, { verdictOf: proven, held: () => held }, async (handle) => {
      await driver.until(handle, (v) => v.shareBps === 500, '1s');
      held = 'freeze "holidays"';
      await driver.until(handle, (v) => v.look >= 1 && v.held !== null);
      expect(await refusal(driver.envelope(handle, 'promoteFully'))).toBe('FULL_PROMOTION_REFUSED');
      held = null;
    });
    await driver.run({ ...plan, fullPromotion: 'never' }, { verdictOf: proven }, async (handle) => {
      await driver.until(handle, (v) => v.look >= 1);
      expect(await refusal(driver.envelope(handle, 'promoteFully'))).toBe('FULL_PROMOTION_REFUSED');
    });
  });
});
