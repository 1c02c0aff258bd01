import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  isCancellation,
  ParentClosePolicy,
  patched,
  setHandler,
  startChild,
} from '@temporalio/workflow';
import type { CandidateDraft, TrainingWindow } from '../activities/training-ports';
import * as messages from './messages';
import type { AgentTraining, RetrainAgentsInput, TrainedAgent, TrainingView } from './messages';
import { agentTraining, idempotentWrites, training } from './proxies';
import { rollOutPolicy } from './roll-out-policy';
import { TrainingRun } from './training/training-run';
import { rolloutWorkflowId } from './workflow-ids';

/**
 * Freezes a window, validates it, trains (or takes) a candidate per agent, checks it and registers it with its gate results; a passed
 * one may start its rollout, not awaited. Several agents learn in parallel, each on its own queue, and one's fault does not stop the
 * others. Data that nothing can be learned from fails the run with the gate's code.
 */
export async function retrainAgents(input: RetrainAgentsInput): Promise<TrainingView> {
  const run = new TrainingRun(input);
  const scope = new CancellationScope({ cancellable: true });
  setHandler(messages.trainingProgress, () => run.view);
  setHandler(messages.trainingProgressed, (progress) => run.progressed(progress));
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
    await CancellationScope.nonCancellable(() => run.stopped(error));
    await condition(allHandlersFinished);
    if (isCancellation(error)) return run.view;
    throw failureOf(run.view);
  }
  await condition(allHandlersFinished);
  if (run.view.step === 'failed') throw failureOf(run.view);
  return run.view;
}

const failureOf = (view: TrainingView): ApplicationFailure =>
  ApplicationFailure.create({ type: view.code ?? 'TRAINING_FAILED', message: view.reason, nonRetryable: true });

async function learn(run: TrainingRun): Promise<void> {
  const { input, view, parts } = run;
  await run.enter(view, 'freezing-window');
  const fromMs = input.cutoffMs - input.windowSeconds * 1000;
  const window = await training.freezeWindow({ fromMs, toMs: input.cutoffMs });
  view.windowId = window.windowId;
  if (view.parts === undefined) return learnAgent(run, view, window);
  view.rows = window.rows;
  const outcomes = await Promise.all(
    parts.map((part) =>
      learnAgent(run, part, window).catch(async (error: unknown) => {
        // One agent's bad data is no reason to throw the others' work away; a cancellation ends them all.
        if (isCancellation(error)) return error;
        await run.failed(part, error);
        await run.announce(part, 'training.refused');
        return undefined;
      }),
    ),
  );
  const cancelled = outcomes.find((outcome) => outcome !== undefined);
  if (cancelled !== undefined) throw cancelled as Error;
  await sumUp(run);
}

/** The run as a whole after its agents ended: failed only when all did. */
async function sumUp(run: TrainingRun): Promise<void> {
  const { view, parts } = run;
  const failed = parts.filter((part) => part.step === 'failed');
  view.passed = parts.every((part) => part.passed === true);
  view.candidateId = parts.find((part) => part.candidateId !== null)?.candidateId ?? null;
  view.code = failed[0]?.code ?? null;
  view.reason = parts.map((part) => `${part.agent}: ${part.reason}`).join('; ');
  await run.enter(view, failed.length === parts.length ? 'failed' : 'finished');
}

/** One agent from the frozen window to its registered candidate. */
async function learnAgent(run: TrainingRun, part: AgentTraining, window: TrainingWindow): Promise<void> {
  const { cell, seed, requestedBy, hyper } = run.input;
  const agent = part.agent as TrainedAgent;
  await run.enter(part, 'validating-data');
  const validated = await training.validateWindow({ window, agent, minRows: hyper?.minRows });
  part.rows = validated.rows;
  part.data = validated.report;
  await run.enter(part, 'training');
  const draft = await draftOf(run, agent, window);
  part.int8 = draft.int8 ?? null;
  await run.enter(part, 'checking-parity');
  part.gates.push(await training.checkParity({ draft }));
  if (agent === 'bid') {
    await run.enter(part, 'gate-held-out');
    part.gates.push(await training.gateHeldOut({ draft, cell, seed }));
    if (patched('ope-gate')) {
      await run.enter(part, 'gate-ope');
      part.gates.push(await training.gateOpe({ draft, cell, seed }));
    }
  }
  await run.enter(part, 'gate-simulator');
  part.gates.push(await training.gateSimulator({ draft, cell, seed }));
  await run.enter(part, 'registering');
  const { modelVersionId } = await idempotentWrites.registerCandidate({
    key: run.key('register').key,
    draft,
    gates: part.gates,
    data: part.data,
    createdBy: requestedBy.name,
  });
  part.candidateId = modelVersionId;
  part.passed = part.gates.every((gate) => gate.passed);
  const refused = part.gates.filter((gate) => !gate.passed).map((gate) => `${gate.gate}: ${gate.reason}`);
  part.reason = part.passed
    ? `${modelVersionId} passed ${part.gates.length} gates`
    : `refused by ${refused.join('; ')}`;
  if (part.passed && run.input.rollout !== undefined) await startRollout(run, part, modelVersionId);
  await run.enter(part, 'finished');
  await run.announce(part, part.passed ? 'training.finished' : 'training.refused');
}

async function draftOf(run: TrainingRun, agent: TrainedAgent, window: TrainingWindow): Promise<CandidateDraft> {
  const { cell, seed, imported, hyper } = run.input;
  // Runs from before agents had queues of their own learn where they started.
  const learning = patched('agent-task-queues') ? agentTraining[agent] : training;
  if (agent === 'budget') return learning.fitBudgetPolicy({ cell, window, seed });
  if (imported !== undefined) return learning.adoptBidModel({ cell, window, seed, hyper: {}, ...imported });
  const draft = await learning.trainBidModel.executeWithOptions(
    { summary: `win model on ${window.rows} rows of ${window.windowId}` },
    [{ cell, window, hyper: hyper ?? {}, seed }],
  );
  return patched('int8-twin') ? learning.quantiseTwin({ draft }) : draft;
}

/** The rollout outlives this run: it waits for people, training does not. */
async function startRollout(run: TrainingRun, part: AgentTraining, candidateId: string): Promise<void> {
  const { input } = run;
  if (input.rollout === undefined) return;
  const { rolloutId, plan } = input.rollout;
  const agent = part.agent as TrainedAgent;
  await startChild(rollOutPolicy, {
    workflowId: rolloutWorkflowId(rolloutId),
    parentClosePolicy: ParentClosePolicy.ABANDON,
    staticSummary: `Roll out ${candidateId} (${agent})`,
    args: [
      {
        rolloutId,
        fleet: input.fleet,
        cell: input.cell,
        agent,
        candidateId,
        plan,
        requestedBy: input.requestedBy,
      },
    ],
  });
  part.rolloutId = rolloutId;
}
