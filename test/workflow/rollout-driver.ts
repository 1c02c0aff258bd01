import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { PlanStage, RolloutPlan } from '../../domain/contracts';
import type { ApproveCommand, Command, RollOutPolicyInput, RolloutView } from '../../workflows/messages';
import { CONTROL_QUEUE, rolloutWorkflowId } from '../../workflows/workflow-ids';
import { shortPlan, stubRollout, type StubOptions } from './stub-rollout';
import type { WorkflowEnvironment } from './workflow-environment';

export const author = { name: 'mia', role: 'ml-lead' } as const;
export const alice = { name: 'alice', role: 'release-manager' } as const;
export const HOUR = 3600;
export const DAY = 24 * HOUR;

/** A plan of canary stages alone, by hours and days, as production has them: a look an hour. */
export function longPlan(shares: number[], stage: Partial<PlanStage> = {}, change: Partial<RolloutPlan> = {}) {
  const [, canary] = shortPlan().stages;
  return shortPlan({
    lookEverySeconds: HOUR,
    labelMaturitySeconds: HOUR,
    decisionDeadlineSeconds: DAY,
    approvalTimeoutSeconds: DAY,
    stages: shares.map((shareBps) => ({ ...canary, holdSeconds: HOUR, maxSeconds: 7 * DAY, ...stage, shareBps })),
    ...change,
  });
}

/** Starts rollouts against stub activities and speaks to them as operators do. */
export class RolloutDriver {
  private n = 0;

  constructor(readonly environment: () => WorkflowEnvironment) {}

  start(plan: RolloutPlan, change: Partial<RollOutPolicyInput> = {}): Promise<WorkflowHandle> {
    const rolloutId = change.rolloutId ?? `rol_${(this.n += 1)}_${Date.now()}`;
    const input: RollOutPolicyInput = {
      rolloutId,
      fleet: 'demo',
      cell: 'default',
      agent: 'bid',
      candidateId: 'bid-candidate',
      plan,
      requestedBy: author,
      ...change,
    };
    const workflowId = rolloutWorkflowId(rolloutId);
    return this.environment().env.client.workflow.start('rollOutPolicy', {
      workflowId,
      taskQueue: CONTROL_QUEUE,
      args: [input],
    });
  }

  /** One rollout from its start to its end, with `during` beside it. */
  async run(
    plan: RolloutPlan,
    options: StubOptions,
    during: (handle: WorkflowHandle, stub: ReturnType<typeof stubRollout>) => Promise<void> = async () => undefined,
    change: Partial<RollOutPolicyInput> = {},
  ) {
    const stub = stubRollout({ idleGuard: true, ...options });
    const view = await this.environment().with(stub.activities, async () => {
      const handle = await this.start(plan, change);
      try {
        await during(handle, stub);
        return (await handle.result()) as RolloutView;
      } catch (error) {
        // A workflow left behind without a worker would keep the test server from skipping time for the next test.
        await handle.terminate('the test failed').catch(() => undefined);
        throw error;
      }
    });
    return { view, ...stub };
  }

  /** Skips time in steps of `step` until the view is as wanted. */
  async until(handle: WorkflowHandle, wanted: (view: RolloutView) => boolean, step = '10 minutes') {
    for (let tries = 0; tries < 400; tries += 1) {
      const view = await handle.query<RolloutView>('state');
      if (wanted(view)) return view;
      await this.environment().env.sleep(step as '1s');
    }
    throw new Error(`never reached: ${JSON.stringify(await handle.query<RolloutView>('state'))}`);
  }

  async envelope(
    handle: WorkflowHandle,
    update: 'approve' | 'promoteFully',
    change: Partial<ApproveCommand> = {},
  ): Promise<RolloutView> {
    const view = await handle.query<RolloutView>('state');
    const command: ApproveCommand = {
      by: alice,
      reason: 'looks right',
      approvalId: `apr-${(this.n += 1)}`,
      evidenceDigest: view.evidenceDigest ?? '',
      expiresAtMs: (await this.environment().env.currentTimeMs()) + HOUR * 1000,
      ...change,
    };
    return handle.executeUpdate<RolloutView, [ApproveCommand]>(update, { args: [command] });
  }

  send(handle: WorkflowHandle, name: string, by: Command['by'] = alice): Promise<RolloutView> {
    return handle.executeUpdate<RolloutView, [Command]>(name, { args: [{ by, reason: `${name} by test` }] });
  }
}

/** Code of the refusal of an update; throws when it was not refused. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => new Error('it was not refused'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
  return error.cause.type ?? '';
}
