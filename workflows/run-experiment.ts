import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
} from '@temporalio/workflow';
import type { ExperimentResult } from '#domain/contracts';
import { awaitSafety } from './await-safety';
import { experimentRefusal, type ExperimentCommandKind } from './experiment/command-rules';
import { ExperimentRun } from './experiment/experiment-run';
import * as messages from './experiment/messages';
import type { ExperimentView, RunExperimentInput } from './experiment/messages';
import { experimentReads, experimentWrites } from './experiment/proxies';
import { servePeriod, type PeriodEnd } from './experiment/serving-period';
import type { Command } from './messages';
import { idempotentWrites } from './proxies';
import { pagedWhileSlow, settlePages } from './raise-page';

/**
 * Two policies on split traffic and split budgets until a fixed horizon: register, lint, claim the cell's canary slot, serve
 * with guard and looks, read out. Ends with both arms on the champion, whatever it found; it never promotes.
 */
export async function runExperiment(input: RunExperimentInput): Promise<ExperimentView> {
  const run = new ExperimentRun(input);
  handleMessages(run);
  run.show();
  try {
    if (input.carried !== undefined || (await admit(run))) await carryOut(run);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    // Cancelled in the Temporal UI: the same as an abort.
    await CancellationScope.nonCancellable(() => end(run, 'aborted', 'cancelled in Temporal', Date.now()));
  }
  await CancellationScope.nonCancellable(async () => {
    await condition(allHandlersFinished);
    await settlePages(run.pagesRaised);
  });
  return run.view;
}

/** Registers and lints, then takes the cell's canary slot and pins the champions that both arms build on. */
async function admit(run: ExperimentRun): Promise<boolean> {
  const { view, input } = run;
  const { experimentId, fleet, cell, subject, plan, planDigest } = input;
  const registration = { experimentId, fleet, cell, subject, plan, planDigest, requestedBy: view.requestedBy };
  await experimentWrites.openExperiment(registration);
  const { faults, power } = await experimentReads.lintExperiment(registration);
  view.power = power;
  if (faults.length > 0) {
    await run.enter('refused', { faults, reason: `the request has ${faults.length} fault(s)` });
    return false;
  }
  if (run.abort !== null) {
    await run.enter('refused', { reason: `aborted by ${run.abort.by.name} before it started: ${run.abort.reason}` });
    return false;
  }
  const claim = await experimentWrites.claimExperiment({ experimentId, planDigest });
  if (!claim.claimed) {
    const detail = `${claim.holder ?? 'somebody else'} holds the canary slot of ${cell}`;
    await run.enter('refused', { faults: [{ pointer: '/cell', code: 'CANARY_SLOT_BUSY', detail }], reason: detail });
    return false;
  }
  view.claimed = true;
  const { key } = run.key('intent');
  await idempotentWrites.appendIntent({
    key,
    kind: 'experiment.started',
    publisher: 'operator',
    subject: experimentId,
    action: { control: subject.control, treatment: subject.treatment, planDigest, champions: claim.champions, power },
    reason: `registered by ${view.requestedBy}`,
    expiresAt: null,
  });
  return true;
}

async function carryOut(run: ExperimentRun): Promise<void> {
  for (;;) {
    const left = run.view.state === 'paused' ? await waitForResume(run) : await servePeriod(run);
    switch (left?.kind) {
      case undefined:
        break;
      case 'aborted':
        return endAsAsked(run);
      case 'ended':
        return end(run, left.result, left.reason, Date.now());
      case 'paused':
        await pause(run);
        break;
      case 'continue-as-new':
        await condition(allHandlersFinished);
        await settlePages(run.pagesRaised);
        // What an operator asked for meanwhile is done by the next run: only an abort ends here.
        if (run.abort !== null) return endAsAsked(run);
        return continueAsNew<typeof runExperiment>(run.carry());
    }
  }
}

/** Takes both arms off the treatment, and says so once an edge has acknowledged. */
async function pause(run: ExperimentRun): Promise<void> {
  const { view } = run;
  const { by, reason } = run.paused ?? { by: { name: 'nobody' }, reason: 'resumed before it took effect' };
  await stopServing(run, `paused by ${by.name}: ${reason}`);
  view.period += 1;
  await run.enter('paused', {
    shareBps: 0,
    reason: `paused by ${by.name}: ${reason}`,
    waitingFor: 'resume',
    deadlineAtMs: Date.now() + run.input.plan.pauseLimitSeconds * 1000,
  });
}

/** Null = serve again. */
async function waitForResume(run: ExperimentRun): Promise<PeriodEnd | null> {
  const { deadlineAtMs } = run.view;
  const leftMs = Math.max(0, (deadlineAtMs ?? 0) - Date.now());
  const asked = await condition(() => run.abort !== null || run.paused === null, leftMs);
  if (run.abort !== null) return { kind: 'aborted' };
  if (asked) {
    await run.enter('opening', { reason: 'resumed' });
    return null;
  }
  const reason = `nobody resumed it within ${run.input.plan.pauseLimitSeconds} s`;
  return { kind: 'ended', result: 'invalid-paused-too-long', reason };
}

const endAsAsked = async (run: ExperimentRun): Promise<void> => {
  const { abort } = run;
  if (abort !== null) await end(run, 'aborted', `aborted by ${abort.by.name}: ${abort.reason}`, abort.atMs);
};

/** Unpublishes both arms and waits, without limit, until an edge has acknowledged; what takes long calls a human. */
async function stopServing(run: ExperimentRun, reason: string) {
  const { seq } = run.key('stop');
  run.closePeriod();
  const slow = (what: string) => (round: number) =>
    run.page('roll-back-slow', `back to the champion: ${what}; it is retried without limit`, `${seq}/${what}/${round}`);
  const stopped = experimentWrites.stopExperiment.executeWithOptions(
    { summary: `back to the champion: ${reason}`.slice(0, 190) },
    [{ experimentId: run.view.experimentId, seq, reason }],
  );
  const { version } = await pagedWhileSlow(stopped, slow('the control plane cannot write or publish it'));
  const seen = await pagedWhileSlow(awaitSafety(version), slow('connected edges have not acknowledged it'));
  if (seen.stragglers.length > 0) {
    const text = `${seen.acknowledged.join(', ')} serve the champion, ${seen.stragglers.join(', ')} did not acknowledge it: look at these edges`;
    run.page('roll-back-stragglers', text, String(version));
  }
  return { version, ...seen };
}

async function end(run: ExperimentRun, result: ExperimentResult, reason: string, verdictAtMs: number): Promise<void> {
  const { view } = run;
  if (!view.claimed) return run.enter('refused', { reason });
  await run.enter('ending', { result, reason, waitingFor: 'the edges to serve the champion alone' });
  const { version, acknowledged, stragglers, atMs } = await stopServing(run, reason);
  view.safe = {
    reason,
    targetId: 'champion',
    snapshotVersion: version,
    verdictAtMs,
    safeAtMs: atMs,
    timeToSafeMs: atMs - verdictAtMs,
    acknowledged,
    stragglers,
  };
  const { key } = run.key('intent');
  await idempotentWrites.appendIntent({
    key,
    kind: 'experiment.ended',
    publisher: 'operator',
    subject: view.experimentId,
    action: { result, readout: view.readout, planDigest: view.planDigest, evidenceDigest: view.evidenceDigest },
    reason,
    expiresAt: null,
  });
  await run.enter('ended', { shareBps: 0 });
  await experimentWrites.releaseExperiment({ experimentId: view.experimentId });
}

function handleMessages(run: ExperimentRun): void {
  const { view } = run;
  const validator = (kind: ExperimentCommandKind) => (command: Command) => {
    const refusal = experimentRefusal(kind, view, run.paused !== null, command);
    if (refusal !== null) throw ApplicationFailure.nonRetryable(refusal.message, refusal.code);
  };
  setHandler(messages.experimentState, () => view);
  setHandler(
    messages.abortExperiment,
    (command) => {
      run.askToAbort(command.by, command.reason);
      return view;
    },
    { validator: validator('abort') },
  );
  setHandler(
    messages.pauseExperiment,
    (command) => {
      run.paused ??= command;
      return view;
    },
    { validator: validator('pause') },
  );
  setHandler(
    messages.resumeExperiment,
    () => {
      run.paused = null;
      return view;
    },
    { validator: validator('resume') },
  );
}
