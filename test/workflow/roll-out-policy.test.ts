import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { RolloutPlan } from '#domain/contracts';
import type { ApproveCommand, Command, RollOutPolicyInput, RolloutView } from '../../workflows/messages';
import { CONTROL_QUEUE, rolloutWorkflowId } from '../../workflows/workflow-ids';
import { shortPlan, stubRollout, type StubOptions } from './stub-rollout';
import { WorkflowEnvironment } from './workflow-environment';

const author = { name: 'mia', role: 'ml-lead' } as const;
const alice = { name: 'alice', role: 'release-manager' } as const;

let environment: WorkflowEnvironment;
let n = 0;
beforeAll(async () => {
  environment = await WorkflowEnvironment.create();
}, 60_000);
afterAll(() => environment.teardown());

const inputOf = (plan: RolloutPlan): RollOutPolicyInput => ({
  rolloutId: `rol_${(n += 1)}`,
  fleet: 'demo',
  cell: 'default',
  agent: 'bid',
  candidateId: 'bid-candidate',
  plan,
  requestedBy: author,
});

async function rollout(
  plan: RolloutPlan,
  options: StubOptions,
  during: (handle: WorkflowHandle, stub: ReturnType<typeof stubRollout>) => Promise<void>,
  change: Partial<RollOutPolicyInput> = {},
) {
  const stub = stubRollout(options);
  const input = { ...inputOf(plan), ...change };
  const view = await environment.with(stub.activities, async () => {
    const handle = await environment.env.client.workflow.start('rollOutPolicy', {
      workflowId: rolloutWorkflowId(input.rolloutId),
      taskQueue: CONTROL_QUEUE,
      args: [input],
    });
    await during(handle, stub);
    return (await handle.result()) as RolloutView;
  });
  return { view, ...stub };
}

const state = (handle: WorkflowHandle) => handle.query<RolloutView>('state');

async function until(handle: WorkflowHandle, wanted: (view: RolloutView) => boolean): Promise<RolloutView> {
  for (let tries = 0; tries < 400; tries += 1) {
    const view = await state(handle);
    if (wanted(view)) return view;
    await environment.env.sleep('200ms');
  }
  throw new Error(`never reached: ${JSON.stringify(await state(handle))}`);
}

async function approve(handle: WorkflowHandle, by: Command['by'] = alice, change: Partial<ApproveCommand> = {}) {
  const view = await until(handle, (v) => v.state === 'awaiting-approval');
  const now = await environment.env.currentTimeMs();
  return handle.executeUpdate<RolloutView, [ApproveCommand]>('approve', {
    args: [
      {
        by,
        reason: 'looks right',
        approvalId: `apr-${(n += 1)}`,
        evidenceDigest: view.evidenceDigest ?? '',
        expiresAtMs: now + 3_600_000,
        ...change,
      },
    ],
  });
}

const send = (handle: WorkflowHandle, name: string, by: Command['by'] = alice) =>
  handle.executeUpdate<RolloutView, [Command]>(name, { args: [{ by, reason: `${name} by test` }] });

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => null,
    (e: unknown) => e,
  );
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
  return error.cause.type ?? '';
}

const proven: StubOptions['verdictOf'] = (_stage, look) => (look >= 4 ? 'non-inferior' : 'continue');

describe('rollOutPolicy', () => {
  // First, because the test server skips no time any more once an activity was left behind by a finished workflow.
  test('nobody approves: the candidate is rejected at the timeout', async () => {
    const { view } = await rollout(shortPlan(), {}, async () => undefined);
    expect(view).toMatchObject({ state: 'rejected', reason: 'nobody approved before the deadline' });
  });

  test('promotes a proven candidate: shadow, approval, canary with guard, promotion', async () => {
    const { view, log, rows, intents, approvals } = await rollout(
      shortPlan(),
      { verdictOf: proven },
      async (handle) => {
        await approve(handle);
      },
    );
    expect(view).toMatchObject({ state: 'promoted', rollbackTargetId: 'bid-champion', shareBps: 0, guard: 'idle' });
    expect(log).toEqual(['open', 'claim', 'shadow 1000', 'shadow 0', 'serve 1 2500', 'guard', 'promote', 'release']);
    expect(intents.map((intent) => intent.kind)).toEqual(['rollout.started', 'rollout.promoted']);
    expect(approvals).toHaveLength(1);
    const states = rows.map((row) => row.state).filter((s, i, all) => s !== all[i - 1]);
    expect(states).toEqual(['shadow', 'awaiting-approval', 'canary', 'promoting', 'promoted']);
    expect(rows.map((row) => row.seq)).toEqual([...rows.map((row) => row.seq)].sort((a, b) => a - b));
  });

  test('rolls an inferior canary back to the pinned target and measures the time to safe', async () => {
    const inferior: StubOptions['verdictOf'] = (_stage, look) => (look >= 2 ? 'inferior' : 'continue');
    const { view, log, intents, keys } = await rollout(shortPlan(), { verdictOf: inferior }, async (handle) => {
      await approve(handle);
    });
    expect(view).toMatchObject({ state: 'rolled-back', verdict: 'inferior', shareBps: 0 });
    expect(view.safe).toMatchObject({ targetId: 'bid-champion', acknowledged: ['edge-1'], stragglers: [] });
    expect(view.safe!.timeToSafeMs).toBeGreaterThanOrEqual(0);
    expect(log.slice(-2)).toEqual(['restore bid-champion', 'release']);
    expect(intents.at(-1)).toMatchObject({ kind: 'rollout.rolled-back' });
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('refuses a wrong plan with every fault and never touches serving', async () => {
    const faults = [
      { pointer: '/plan/stages', code: 'NO_CANARY_STAGE', detail: 'a' },
      { pointer: '/plan/metrics', code: 'NO_PRIMARY_METRIC', detail: 'b' },
    ];
    const { view, log } = await rollout(shortPlan(), { faults }, async () => undefined);
    expect(view).toMatchObject({ state: 'refused', faults });
    expect(log).toEqual(['open']);
  });

  test('refuses while another rollout holds the cell and agent', async () => {
    const { view, log } = await rollout(shortPlan(), { claimed: false }, async () => undefined);
    expect(view.state).toBe('refused');
    expect(view.faults).toMatchObject([{ code: 'CELL_BUSY' }]);
    expect(log).toEqual(['open', 'claim']);
  });

  test('the author, a wrong role, stale evidence and an expired approval are refused; the same approval twice is one', async () => {
    const { view, approvals } = await rollout(shortPlan(), { verdictOf: proven }, async (handle) => {
      const waiting = await until(handle, (v) => v.state === 'awaiting-approval');
      expect(await refusal(approve(handle, { name: 'mia', role: 'release-manager' }))).toBe('FOUR_EYES');
      expect(await refusal(approve(handle, { name: 'ops', role: 'ad-ops' }))).toBe('ROLE_NOT_ALLOWED');
      expect(await refusal(approve(handle, alice, { evidenceDigest: 'other' }))).toBe('STALE_EVIDENCE');
      expect(await refusal(approve(handle, alice, { expiresAtMs: 1 }))).toBe('APPROVAL_EXPIRED');
      const evidenceDigest = waiting.evidenceDigest ?? '';
      const twice = [approve(handle, alice, { evidenceDigest }), approve(handle, alice, { evidenceDigest })];
      await Promise.all(twice);
    });
    expect(view.state).toBe('promoted');
    expect(view.approvals).toHaveLength(1);
    expect(approvals).toHaveLength(1);
  });

  test('an inconclusive horizon waits for a human and rolls back at the deadline', async () => {
    const plan = shortPlan();
    const verdictOf: StubOptions['verdictOf'] = (_s, look) => (look > 3 ? 'inconclusive' : 'continue');
    const { view, rows } = await rollout(plan, { verdictOf }, async (handle) => {
      await approve(handle);
      const waiting = await until(handle, (v) => v.state === 'awaiting-approval' && v.stage === 1);
      expect(waiting.waitingFor).toMatch(/a decision/);
      expect(waiting.guard).toBe('holding');
    });
    expect(view.state).toBe('rolled-back');
    expect(view.reason).toMatch(/nobody decided within 4 s/);
    expect(rows.some((row) => row.verdict === 'inconclusive' && row.state === 'awaiting-approval')).toBe(true);
  });

  test('a human may let an inconclusive stage pass', async () => {
    const verdictOf: StubOptions['verdictOf'] = (_s, look) => (look > 2 ? 'inconclusive' : 'continue');
    const { view } = await rollout(shortPlan(), { verdictOf }, async (handle) => {
      await approve(handle);
      await until(handle, (v) => v.state === 'awaiting-approval' && v.stage === 1);
      await approve(handle);
    });
    expect(view.state).toBe('promoted');
    expect(view.approvals.map((a) => a.stage)).toEqual([0, 1]);
  });

  test('no data and a broken sample ratio freeze the share and never promote', async () => {
    for (const bad of ['no-data', 'srm'] as const) {
      const { view, rows, log } = await rollout(shortPlan(), { verdictOf: () => bad }, async (handle) => {
        await approve(handle);
      });
      expect(view.state).toBe('rolled-back');
      expect(log).not.toContain('promote');
      expect(rows.some((row) => /frozen/.test(row.waitingFor ?? '') || row.verdict === bad)).toBe(true);
    }
  });

  test('a fired guardrail rolls back at once, also while the rollout is paused', async () => {
    const { view } = await rollout(shortPlan(), { guardFiresAfterMs: 1500 }, async (handle) => {
      await approve(handle);
      await until(handle, (v) => v.state === 'canary' && v.guard !== 'idle');
      await send(handle, 'pause');
    });
    expect(view.state).toBe('rolled-back');
    expect(view.reason).toMatch(/guardrail: errorShare/);
  });

  test('a paused canary keeps looking and never advances until it is resumed', async () => {
    const { view, rows } = await rollout(shortPlan(), { verdictOf: proven }, async (handle) => {
      await approve(handle);
      await until(handle, (v) => v.state === 'canary' && v.look >= 1);
      await send(handle, 'pause');
      const paused = await until(handle, (v) => v.state === 'paused' && v.look >= 6);
      expect(paused.shareBps).toBe(2500);
      await send(handle, 'resume');
    });
    expect(view.state).toBe('promoted');
    expect(rows.some((row) => row.state === 'paused')).toBe(true);
  });

  test.each<[string, (view: RolloutView) => boolean]>([
    ['shadow', (v) => v.state === 'shadow'],
    ['awaiting-approval', (v) => v.state === 'awaiting-approval'],
    ['canary', (v) => v.state === 'canary' && v.look >= 1],
    ['paused', (v) => v.state === 'paused'],
  ])('abort wins in state %s', async (name, when) => {
    const { view, log } = await rollout(shortPlan(), {}, async (handle) => {
      if (name === 'canary' || name === 'paused') await approve(handle);
      if (name === 'paused') {
        await until(handle, (v) => v.state === 'canary' && v.shareBps > 0);
        await send(handle, 'pause');
      }
      await until(handle, when);
      // Both at once: whatever is carried out first, the end is called by the stronger one.
      await Promise.all([send(handle, 'rollBack'), send(handle, 'abort')]);
    });
    expect(view.state).toBe('aborted');
    expect(log).toContain('restore bid-champion');
    expect(log).not.toContain('promote');
  });

  test('a reject ends it as rejected; commands to a finished rollout are refused', async () => {
    const { view } = await rollout(shortPlan(), {}, async (handle) => {
      await until(handle, (v) => v.state === 'awaiting-approval');
      await send(handle, 'reject');
    });
    expect(view.state).toBe('rejected');
  });

  test('a failing shadow never reaches the canary', async () => {
    const { view, log } = await rollout(shortPlan(), { shadow: { errors: 50 } }, async () => undefined);
    expect(view.state).toBe('rejected');
    expect(log.some((line) => line.startsWith('serve'))).toBe(false);
  });

  test('a champion that moved meanwhile is not overwritten', async () => {
    const { view } = await rollout(shortPlan(), { verdictOf: proven, promoted: false }, async (handle) => {
      await approve(handle);
    });
    expect(view).toMatchObject({ state: 'rolled-back' });
    expect(view.reason).toMatch(/nothing was overwritten/);
  });

  test('a stage longer than one run continues as new: same guard duty, same counters, no key twice', async () => {
    const verdictOf: StubOptions['verdictOf'] = (_s, look) => (look >= 6 ? 'non-inferior' : 'continue');
    const { view, keys, guards, rows } = await rollout(
      shortPlan(),
      { verdictOf },
      async (handle) => {
        await approve(handle);
      },
      { looksPerRun: 2 },
    );
    expect(view).toMatchObject({ state: 'promoted', look: 6 });
    expect(guards()).toBe(3);
    expect(new Set(keys).size).toBe(keys.length);
    expect(rows.map((row) => row.seq)).toEqual([...new Set(rows.map((row) => row.seq))].sort((a, b) => a - b));
  });

  test('a cancellation in Temporal is an abort', async () => {
    const { view, log } = await rollout(shortPlan(), {}, async (handle) => {
      await approve(handle);
      await until(handle, (v) => v.state === 'canary' && v.look >= 1);
      await handle.cancel();
    });
    expect(view.state).toBe('aborted');
    expect(log).toContain('restore bid-champion');
  });
});
