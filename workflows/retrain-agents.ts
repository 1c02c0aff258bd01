import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  setHandler,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { CandidateDraft, TrainingWindow } from '../activities/training-ports';
import * as messages from './messages';
import type { RetrainAgentsInput, TrainingStep, TrainingView } from './messages';
import { idempotentWrites, training } from './proxies';
import { rollOutPolicy } from './roll-out-policy';
import { AGENT_KEY, FLEET_KEY, REQUESTED_BY_KEY, STAGE_KEY, VERDICT_KEY } from './search-attributes';
import { rolloutWorkflowId } from './workflow-ids';

/**
 * Freezes a window, trains (or takes) a candidate, checks it and registers it with its gate results; a passed one may
 * start its rollout, not awaited. Data that nothing can be learned from fails the run with the trainer's code.
 */
export async function retrainAgents(input: RetrainAgentsInput): Promise<TrainingView> {
  const run = new TrainingRun(input);
  const scope = new CancellationScope({ cancellable: true });
  setHandler(messages.trainingProgress, () => run.view);
  setHandler(
    messages.cancelTraining,
    (command) => {
      run.view.reason = `cancelled by ${command.by.name}: ${command.reason}`;
      scope.cancel();
      return run.view;
    },
    {
      validator: (command) => {
        if (!['ml-lead', 'release-manager', 'admin'].includes(command.by.role)) {
          throw ApplicationFailure.nonRetryable(`${command.by.role} may not cancel training`, 'ROLE_NOT_ALLOWED');
        }
        if (run.isOver()) throw ApplicationFailure.nonRetryable(`the run is ${run.view.step}`, 'TRAINING_FINISHED');
      },
    },
  );
  try {
    await scope.run(() => learn(run));
  } catch (error) {
    await CancellationScope.nonCancellable(() => run.failed(error));
    await condition(allHandlersFinished);
    if (isCancellation(error)) return run.view;
    throw ApplicationFailure.create({
      type: run.view.code ?? 'TRAINING_FAILED',
      message: run.view.reason,
      nonRetryable: true,
    });
  }
  await condition(allHandlersFinished);
  return run.view;
}

async function learn(run: TrainingRun): Promise<void> {
  const { input, view } = run;
  const { cell, agent, seed } = input;
  await run.enter('freezing-window');
  const fromMs = input.cutoffMs - input.windowSeconds * 1000;
  const window = await training.freezeWindow({ fromMs, toMs: input.cutoffMs });
  view.windowId = window.windowId;
  await run.enter('validating-data');
  view.rows = (await training.validateWindow({ window, agent })).rows;
  await run.enter('training');
  const draft = await draftOf(run, window);
  await run.enter('checking-parity');
  view.gates.push(await training.checkParity({ draft }));
  if (agent === 'bid') {
    await run.enter('gate-held-out');
    view.gates.push(await training.gateHeldOut({ draft, cell, seed }));
  }
  await run.enter('gate-simulator');
  view.gates.push(await training.gateSimulator({ draft, cell, seed }));
  await run.enter('registering');
  const { modelVersionId } = await idempotentWrites.registerCandidate({
    key: run.key('register').key,
    draft,
    gates: view.gates,
    createdBy: input.requestedBy.name,
  });
  view.candidateId = modelVersionId;
  view.passed = view.gates.every((gate) => gate.passed);
  const refused = view.gates.filter((gate) => !gate.passed).map((gate) => `${gate.gate}: ${gate.reason}`);
  view.reason = view.passed
    ? `${modelVersionId} passed ${view.gates.length} gates`
    : `refused by ${refused.join('; ')}`;
  if (view.passed && input.rollout !== undefined) await startRollout(run, modelVersionId);
  await run.enter('finished');
  await run.announce(view.passed ? 'training.finished' : 'training.refused');
}

function draftOf(run: TrainingRun, window: TrainingWindow): Promise<CandidateDraft> {
  const { cell, agent, seed, imported, hyper } = run.input;
  if (agent === 'budget') return training.fitBudgetPolicy({ cell, window, seed });
  if (imported !== undefined) return training.adoptBidModel({ cell, window, seed, hyper: {}, ...imported });
  return training.trainBidModel.executeWithOptions(
    { summary: `win model on ${window.rows} rows of ${window.windowId}` },
    [{ cell, window, hyper: hyper ?? {}, seed }],
  );
}

/** The rollout outlives this run: it waits for people, training does not. */
async function startRollout(run: TrainingRun, candidateId: string): Promise<void> {
  const { input } = run;
  if (input.rollout === undefined) return;
  const { rolloutId, plan } = input.rollout;
  await startChild(rollOutPolicy, {
    workflowId: rolloutWorkflowId(rolloutId),
    parentClosePolicy: ParentClosePolicy.ABANDON,
    staticSummary: `Roll out ${candidateId} (${input.agent})`,
    args: [
      {
        rolloutId,
        fleet: input.fleet,
        cell: input.cell,
        agent: input.agent,
        candidateId,
        plan,
        requestedBy: input.requestedBy,
        // A newer candidate takes the place of one still in shadow, otherwise waits for it: nobody is there to try again.
        whenBusy: 'queue',
      },
    ],
  });
  run.view.rolloutId = rolloutId;
}

/** State of one training run, mirrored in its row and in the Temporal UI. */
class TrainingRun {
  readonly view: TrainingView;
  private step = 0;

  constructor(readonly input: RetrainAgentsInput) {
    const { agent, kind, requestedBy } = input;
    this.view = messages.newTrainingView({
      runKey: workflowInfo().workflowId,
      agent,
      kind,
      requestedBy: requestedBy.name,
    });
  }

  isOver(): boolean {
    return ['finished', 'failed', 'cancelled'].includes(this.view.step);
  }

  key(step: string): { key: string; seq: number } {
    this.step += 1;
    return { key: `${workflowInfo().workflowId}/${step}/${this.step}`, seq: this.step };
  }

  async enter(step: TrainingStep): Promise<void> {
    const { view, input } = this;
    view.step = step;
    setCurrentDetails(trainingDetails(view));
    upsertSearchAttributes([
      { key: FLEET_KEY, value: input.fleet },
      { key: AGENT_KEY, value: input.agent },
      { key: REQUESTED_BY_KEY, value: input.requestedBy.name },
      { key: STAGE_KEY, value: step },
      { key: VERDICT_KEY, value: view.passed === null ? 'none' : view.passed ? 'passed' : 'refused' },
    ]);
    await idempotentWrites.saveTrainingRun.executeWithOptions({ summary: step }, [
      {
        runKey: view.runKey,
        seq: this.key('save').seq,
        fleet: input.fleet,
        agent: input.agent,
        kind: input.kind,
        step,
        code: view.code,
        candidateId: view.candidateId,
        rolloutId: view.rolloutId,
        requestedBy: input.requestedBy.name,
        view: { ...view },
      },
    ]);
  }

  /** The champion stays: nothing here touches a pointer. */
  async failed(error: unknown): Promise<void> {
    const { view } = this;
    if (isCancellation(error)) {
      view.code = 'CANCELLED';
      await this.enter('cancelled');
    } else {
      const cause = error instanceof ActivityFailure ? error.cause : error;
      view.code = cause instanceof ApplicationFailure ? (cause.type ?? 'TRAINING_FAILED') : 'TRAINING_FAILED';
      view.reason = cause instanceof Error ? cause.message : String(cause);
      await this.enter('failed');
    }
    await this.announce('training.refused');
  }

  async announce(kind: 'training.finished' | 'training.refused'): Promise<void> {
    const { view } = this;
    await idempotentWrites.appendIntent({
      key: this.key('intent').key,
      kind,
      publisher: 'meta',
      subject: view.runKey,
      action: { agent: view.agent, candidateId: view.candidateId, code: view.code, windowId: view.windowId },
      reason: view.reason,
      expiresAt: null,
    });
  }
}

function trainingDetails(view: TrainingView): string {
  const gates = view.gates.map((gate) => `- ${gate.passed ? 'passed' : '**refused**'} ${gate.gate}: ${gate.reason}`);
  return [
    `### Training of ${view.agent} (${view.kind}): **${view.step}**`,
    `- window ${view.windowId ?? 'not frozen yet'}, ${view.rows ?? '?'} rows`,
    ...gates,
    `- ${view.code === null ? '' : `**${view.code}** `}${view.reason}`,
    ...(view.candidateId === null ? [] : [`- candidate ${view.candidateId}`]),
    ...(view.rolloutId === null ? [] : [`- rollout/${view.rolloutId}`]),
  ].join('\n');
}
