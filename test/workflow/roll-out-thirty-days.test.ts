import type { ClaimInput, ClaimResult } from '../../activities/claim-activities';
import type { RolloutView } from '../../workflows/messages';
import { DAY, HOUR, longPlan, RolloutDriver } from './rollout-driver';
import { idle, stubRollout } from './stub-rollout';
import { WorkflowEnvironment } from './workflow-environment';

let environment: WorkflowEnvironment;
beforeAll(async () => {
  environment = await WorkflowEnvironment.create();
}, 60_000);
afterAll(() => environment.teardown());
const driver = new RolloutDriver(() => environment);

/** The lock's rules in memory (apps/control-plane/src/rollouts/rollout-lock.repository.ts): one holds, the latest waits. */
class Lock {
  holder: string | null = null;
  waiting: string | null = null;
  readonly superseded = new Map<string, string>();

  claim({ rolloutId }: ClaimInput): Partial<ClaimResult> {
    const by = this.superseded.get(rolloutId);
    if (by !== undefined) return { holder: null, supersededBy: by };
    if (this.holder === null || this.holder === rolloutId) {
      this.holder = rolloutId;
      if (this.waiting === rolloutId) this.waiting = null;
      return { claimed: true, holder: rolloutId, rollbackTargetId: 'bid-champion' };
    }
    if (this.waiting !== null && this.waiting !== rolloutId) this.superseded.set(this.waiting, rolloutId);
    this.waiting = rolloutId;
    return { holder: this.holder };
  }

  release(rolloutId: string): void {
    if (this.holder === rolloutId) this.holder = null;
  }
}

describe('thirty days', () => {
  test('a rollout of 30 days while a candidate arrives every day: one serves, the latest waits, nothing is forgotten', async () => {
    const lock = new Lock();
    const stub = stubRollout({
      idleGuard: true,
      verdictOf: (_stage, look) => (look >= 20 ? 'non-inferior' : 'continue'),
      claim: (input) => lock.claim(input),
      queued: (input) => {
        const seen = lock.claim(input);
        if (seen.claimed !== true && seen.supersededBy === undefined) throw idle('1 hour');
        return Promise.resolve(seen);
      },
      onRelease: (rolloutId) => lock.release(rolloutId),
    });
    const plan = longPlan(
      [100, 2500, 10_000],
      { holdSeconds: 10 * DAY - HOUR, maxSeconds: 14 * DAY },
      { lookEverySeconds: 6 * HOUR },
    );
    await environment.with(stub.activities, async () => {
      const startedAtMs = await environment.env.currentTimeMs();
      const first = await driver.start(plan, { rolloutId: 'rol_day0', whenBusy: 'queue' });
      const daily = [];
      for (let day = 1; day <= 29; day += 1) {
        await environment.env.sleep('1 day');
        daily.push(await driver.start(plan, { rolloutId: `rol_day${day}`, whenBusy: 'queue' }));
      }
      const view = (await first.result()) as RolloutView;
      const days = ((await environment.env.currentTimeMs()) - startedAtMs) / (DAY * 1000);
      expect(view).toMatchObject({ state: 'promoted', rolloutId: 'rol_day0' });
      expect(days).toBeGreaterThan(29.5);
      expect(days).toBeLessThan(31.5);
      for (const handle of daily.slice(0, -1)) expect(await handle.result()).toMatchObject({ state: 'superseded' });
      const last = daily.at(-1)!;
      const claimed = await driver.until(last, (v) => v.shareBps === 100, '1 hour');
      expect(claimed.rollbackTargetId).toBe('bid-champion');
      await driver.send(last, 'abort');
      expect(await last.result()).toMatchObject({ state: 'aborted' });
      const history = await environment.env.client.workflow.getHandle('rollout/rol_day0').fetchHistory();
      expect(history.events!.length).toBeLessThan(5000);
    });
    expect(lock.superseded.size).toBe(28);
    expect(lock.holder).toBeNull();
    const served = stub.log.filter((line) => line.startsWith('serve'));
    // 100 % leaves a holdback of 5 % with the old champion until the bake ends.
    expect(served).toEqual(['serve 0 100', 'serve 1 2500', 'serve 2 9500', 'serve 0 100']);
    expect(stub.intents.filter((intent) => intent.kind === 'rollout.superseded')).toHaveLength(28);
    expect(new Set(stub.keys).size).toBe(stub.keys.length);
  }, 100_000);
});
