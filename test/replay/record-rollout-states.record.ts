import type { WorkflowHandle } from '@temporalio/client';
import type { RollOutPolicyInput } from '../../workflows/messages';
import { longPlan, RolloutDriver } from '../workflow/rollout-driver';
import { stubRollout, type StubOptions } from '../workflow/stub-rollout';
import { WorkflowEnvironment } from '../workflow/workflow-environment';
import { writeHistory } from './history-file';

// Histories of the states that came with holds, the queue, full promotion and pages. As with record-histories.record.ts:
// recorded once, replayed for ever, never written anew.

describe('histories of holds, queue, full promotion and pages', () => {
  let environment: WorkflowEnvironment;
  const driver = new RolloutDriver(() => environment);
  beforeAll(async () => {
    environment = await WorkflowEnvironment.create();
  }, 60_000);
  afterAll(() => environment.teardown());

  async function record(
    name: string,
    options: StubOptions,
    during: (handle: WorkflowHandle) => Promise<unknown> = () => Promise.resolve(),
    change: Partial<RollOutPolicyInput> = {},
    plan = longPlan([500, 2500]),
  ): Promise<void> {
    await environment.with(stubRollout({ idleGuard: true, ...options }).activities, async () => {
      const handle = await driver.start(plan, { rolloutId: `rol_${name}`, ...change });
      await during(handle);
      await handle.result();
      writeHistory(`roll-out-policy.${name}`, await handle.fetchHistory());
    });
  }
  const proven: StubOptions['verdictOf'] = () => 'non-inferior';
  const queue = { whenBusy: 'queue' } as const;

  test('each state', async () => {
    const target = { claimed: true, rollbackTargetId: 'bid-champion' };
    await record(
      'superseded-in-queue',
      { claim: () => ({}), queued: async () => ({ supersededBy: 'rol_new' }) },
      undefined,
      queue,
    );
    await record(
      'queued-and-promoted',
      { verdictOf: proven, claim: () => ({}), queued: async () => target },
      undefined,
      queue,
    );
    const faults = [{ pointer: '/rollbackTarget', code: 'NO_EDGES', detail: 'no edge is connected' }];
    await record('refused-without-edges', { claim: () => ({ holder: null, faults }) });
    await record('superseded-in-canary-plan', {
      refusal: () => ({ kind: 'superseded', reason: 'rol_new' }),
    });
    let held: string | null = 'freeze "holidays"';
    await record('held-and-promoted', { verdictOf: proven, held: () => held }, async (handle) => {
      await driver.until(handle, (view) => view.state === 'planned' && view.held != null, '1s');
      held = null;
      await driver.until(handle, (view) => view.shareBps === 500, '1 minute');
      held = 'freeze "race"';
      await driver.until(handle, (view) => view.look >= 3);
      held = null;
    });
    await record(
      'approved-in-a-freeze',
      { verdictOf: proven, held: () => held },
      async (handle) => {
        await driver.until(handle, (view) => view.state === 'awaiting-approval');
        held = 'freeze "holidays"';
        await driver.envelope(handle, 'approve', { expiresAtMs: 9e15 });
        await driver.until(handle, (view) => view.held != null, '1s');
        held = null;
      },
      {},
      longPlan([500], { approval: true }),
    );
    await record(
      'promoted-fully',
      { verdictOf: proven },
      async (handle) => {
        await driver.until(handle, (view) => view.look >= 1 && view.verdict === 'non-inferior');
        await driver.envelope(handle, 'promoteFully');
      },
      {},
      longPlan([500, 2500, 5000], { holdSeconds: 86_400 }),
    );
    const one = { acknowledged: ['edge-1'], stragglers: ['edge-2'], connected: [] };
    await record('stragglers', { verdictOf: () => 'inferior', edges: () => one });
    await record('promoted-with-stragglers', { verdictOf: proven, edges: () => one });
    await record('undecided-and-paged', { verdictOf: () => 'inconclusive' });
    await record('frozen-by-srm-and-paged', { verdictOf: () => 'srm' });
    await record('altered-artifact', { verdictOf: proven, promotion: () => ({ promoted: false, fault: 'altered' }) });
  });
});
