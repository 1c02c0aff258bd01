import { AGENTS } from '#domain/contracts/agent-names';
import { judgeFleet } from '#domain/meta/fleet-policy';
import { judgeRetraining } from '#domain/meta/retrain-policy';
import { reads } from '../proxies';
import { raisePage } from '../raise-page';
import { announce, META, quarantineAgent } from './meta-acts';
import type { MetaRun } from './meta-run';
import { distrust, execute, propose, proposeRises, pursue, settleProposals } from './proposals';

const HOUR_SECONDS = 3600;

/** Takes over what the database says of a fleet whose meta-agent starts anew: nothing may be lifted by a restart. */
export async function restore(run: MetaRun): Promise<void> {
  const stored = await reads.readControl({ cell: run.input.cell });
  const { view, governance } = run;
  view.quarantined = [...new Set([...view.quarantined, ...stored.quarantined])];
  if (stored.bidding === 'stopped') view.bidding = 'stopped';
  for (const agent of AGENTS) {
    const level = stored.autonomyLevels[agent] ?? governance.autonomy[agent].level;
    // A command that came first has already written what it wanted.
    if (governance.autonomy[agent].cleanSinceMs === null)
      governance.autonomy[agent] = { ...governance.autonomy[agent], level, overrideBps: stored.autonomyBps[agent] };
  }
}

/**
 * One tick: failing agents are quarantined, ended rollouts move autonomy, drift and drops of performance lead to retraining, and the
 * weights take their step, each as far as the agent's autonomy allows.
 */
export async function governedTick(run: MetaRun): Promise<void> {
  const { input, view, governance } = run;
  const { cell, windowSeconds } = input;
  const health = await reads.readFleetHealth({ cell, windowSeconds });
  view.ticks += 1;
  view.lastTickAtMs = Date.now();
  const judged = judgeFleet({
    health,
    quarantined: view.quarantined,
    memory: run.memory,
    nowMs: Date.now(),
    retrains: false,
  });
  run.memory = judged.memory;
  view.reason = judged.reason;
  for (const action of judged.actions) {
    if (action.kind === 'quarantine') {
      await quarantineAgent(run, action.agent, META, action.reason);
      await distrust(run, action.agent, 'quarantine', action.reason);
    }
    // Stopping the fleet is a person's decision; the proposal pages.
    if (action.kind === 'propose-stop') {
      run.note('proposes to stop bidding', action.reason);
      page(run, 'stop-proposed', 'bid', `stop bidding? ${action.reason}`);
    }
  }
  const sinceMs = governance.outcomesSinceMs ?? Date.now();
  const watch = await reads.readFleetWatch({ fleet: input.fleet, cell, windowSeconds, sinceMs });
  governance.outcomesSinceMs = watch.untilMs;
  view.alerts = watch.alerts;
  for (const { agent, rolloutId } of watch.rolledBack) {
    await distrust(run, agent, 'rollback', `rollout ${rolloutId} was rolled back`);
  }
  await retrain(run, health, watch.failedCandidates);
  await adjustWeights(run, watch);
  await settleProposals(run);
  await proposeRises(run);
}

type Health = Awaited<ReturnType<typeof reads.readFleetHealth>>;
type Watch = Awaited<ReturnType<typeof reads.readFleetWatch>>;

async function retrain(run: MetaRun, health: Health, failedCandidates: number): Promise<void> {
  const { input, governance, view } = run;
  const isDue = governance.driftAtMs === null || Date.now() - governance.driftAtMs >= input.windowSeconds * 1000;
  const drift = isDue ? await reads.readDrift({ cell: input.cell, windowSeconds: input.windowSeconds }) : null;
  if (drift !== null) {
    governance.driftAtMs = Date.now();
    view.drift = drift.reason;
  }
  const memory = governance.retraining;
  const judged = judgeRetraining({ health, drift, failedCandidates, memory, nowMs: Date.now() });
  governance.retraining = judged.memory;
  if (judged.action === null) return;
  const { kind, agent, reason } = judged.action;
  const act = { kind: 'retrain', agent, windowSeconds: Math.max(HOUR_SECONDS, input.windowSeconds) } as const;
  if (kind === 'trigger') return pursue(run, act, reason);
  // Drift alone proposes, whatever the level.
  if (kind === 'propose') return propose(run, act, reason, META.name, 'approval');
  run.note('retraining stopped: somebody must look', reason);
  page(run, 'retraining-stopped', agent, reason);
  await announce(run, 'training.refused', agent, { agent, failedCandidates }, reason);
}

/** Calls a human; a channel that hangs does not hold up the tick. */
function page(run: MetaRun, kind: 'retraining-stopped' | 'stop-proposed', agent: 'bid', reason: string): void {
  const { fleet, cell } = run.input;
  void raisePage({ kind, cell, agent, subject: fleet, reason, once: run.key('page') });
}

async function adjustWeights(run: MetaRun, watch: Watch): Promise<void> {
  run.view.weights = watch.frozen ?? `version ${watch.weightsVersion}`;
  for (const step of watch.steps) {
    const act = { kind: 'weight', step } as const;
    // Taking back is safe and not asked about; steps wait while a rollout's samples are in doubt.
    if (step.kind === 'reversal') await execute(run, act, META, step.reason);
    else if (watch.frozen === null) await pursue(run, act, step.reason);
  }
}
