/** Acts under autonomy: done at once, after a veto window, after approval, or only suggested. */
import type { Agent } from '#domain/contracts/agent-names';
import { WEIGHTS } from '#domain/contracts/weight-ranges';
import { dispositionOf, lowered, riseOf, type Distrust } from '#domain/meta/autonomy';
import {
  MAX_PROPOSALS,
  PROPOSAL_LIFE_MS,
  sayAct,
  subjectOf,
  VETO_WINDOW_MS,
  type Proposal,
  type ProposedAct,
} from '#domain/meta/proposal';
import { AGENTS } from '#domain/contracts/agent-names';
import type { Actor } from '../messages';
import { idempotentWrites } from '../proxies';
import { announce, META, train } from './meta-acts';
import type { MetaRun } from './meta-run';

/** The agent whose autonomy an act falls under. */
export function ownerOf(act: ProposedAct): Agent {
  return act.kind === 'weight' ? WEIGHTS[act.step.weight].owner : act.agent;
}

/** Does what the agent's level allows: acts, or lets it wait. What takes a step back is done at once whatever the level. */
export async function pursue(run: MetaRun, act: ProposedAct, reason: string): Promise<void> {
  if (act.kind === 'weight' && act.step.kind === 'reversal') return execute(run, act, META, reason);
  const agent = ownerOf(act);
  switch (dispositionOf(run.governance.autonomy[agent].level)) {
    case 'act':
      return execute(run, act, META, reason);
    case 'await-veto':
      return propose(run, act, reason, META.name, 'veto');
    case 'await-approval':
      return propose(run, act, reason, META.name, 'approval');
    case 'suggest':
      return propose(run, act, reason, META.name, 'nobody');
  }
}

/** Lets an act wait; the same wish does not wait twice, and the queue is bounded. */
export async function propose(
  run: MetaRun,
  act: ProposedAct,
  reason: string,
  requestedBy: string,
  waitsFor: Proposal['waitsFor'],
): Promise<void> {
  const { governance } = run;
  const subject = subjectOf(act);
  if (governance.proposals.some((proposal) => subjectOf(proposal.act) === subject)) return;
  if (governance.proposals.length >= MAX_PROPOSALS) {
    const oldest = governance.proposals.findIndex((proposal) => proposal.waitsFor === 'nobody');
    if (oldest < 0) return;
    governance.proposals.splice(oldest, 1);
  }
  const nowMs = Date.now();
  const endsAtMs = nowMs + (waitsFor === 'veto' ? VETO_WINDOW_MS : PROPOSAL_LIFE_MS);
  const proposalId = `prp-${run.key('proposal').split('/').at(-1)}`;
  const agent = ownerOf(act);
  governance.proposals.push({ proposalId, agent, act, reason, requestedBy, waitsFor, createdAtMs: nowMs, endsAtMs });
  run.note(`proposes ${sayAct(act)}`, reason);
  const publisher = requestedBy === META.name ? 'meta' : 'operator';
  await announce(
    run,
    'proposal.made',
    subject,
    { proposalId, act, waitsFor, requestedBy, endsAtMs },
    reason,
    publisher,
  );
}

/** Takes a proposal out of the queue; null when it is no longer there. */
export function take(run: MetaRun, proposalId: string): Proposal | null {
  const { proposals } = run.governance;
  const index = proposals.findIndex((proposal) => proposal.proposalId === proposalId);
  return index < 0 ? null : (proposals.splice(index, 1)[0] ?? null);
}

/** Carries out what may wait no longer: veto windows that passed unvetoed; what nobody approved in a day is void. */
export async function settleProposals(run: MetaRun): Promise<void> {
  const nowMs = Date.now();
  for (const due of run.governance.proposals.filter((proposal) => proposal.endsAtMs <= nowMs)) {
    // A command may have taken it while an earlier one was carried out.
    if (take(run, due.proposalId) === null) continue;
    if (due.waitsFor === 'veto') await execute(run, due.act, META, `${due.reason}; not vetoed`);
    else if (due.waitsFor === 'approval') {
      const reason = 'nobody approved it within 24 h';
      run.note(`${due.proposalId} is void`, reason);
      await announce(run, 'proposal.expired', subjectOf(due.act), { proposalId: due.proposalId }, reason);
    }
  }
}

/** Carries an act out; the ledger's intent is written with it. */
export async function execute(run: MetaRun, act: ProposedAct, by: Actor, reason: string): Promise<void> {
  switch (act.kind) {
    case 'weight': {
      const { campaignId, weight, to, kind, before } = act.step;
      const outcome = await idempotentWrites.changeWeight({
        ...{ key: run.key('weight'), cell: run.input.cell, campaignId, weight, to, kind },
        ...{ by: by.name, reason, evidence: before },
      });
      const text = outcome.changed ? sayAct(act) : `${sayAct(act)} was not possible`;
      run.note(text, outcome.changed ? reason : outcome.reason);
      if (outcome.changed && kind === 'step') accept(run, ownerOf(act));
      return;
    }
    case 'retrain':
      // Whoever approves it, the meta-agent asked: the run counts as one for drift.
      await train(run, act.agent, META, act.windowSeconds, reason);
      accept(run, act.agent);
      return;
    case 'autonomy': {
      const { agent, level, overrideBps } = act;
      const change = { level, overrideBps, cleanSinceMs: Date.now(), accepted: 0 };
      return setAutonomy(run, agent, change, by, reason);
    }
  }
}

function accept(run: MetaRun, agent: Agent): void {
  run.governance.autonomy[agent] = {
    ...run.governance.autonomy[agent],
    accepted: run.governance.autonomy[agent].accepted + 1,
  };
}

/** Writes levels and shares, publishes them, and tells the ledger. */
export async function setAutonomy(
  run: MetaRun,
  agent: Agent,
  autonomy: MetaRun['governance']['autonomy'][Agent],
  by: Actor,
  reason: string,
): Promise<void> {
  const { governance, input } = run;
  const from = governance.autonomy[agent];
  governance.autonomy[agent] = autonomy;
  run.note(
    `${agent} from ${from.level} to ${autonomy.level}, ${autonomy.overrideBps / 100} %`,
    `${by.name}: ${reason}`,
  );
  await run.inOrder(() => {
    const of = <T>(pick: (one: typeof autonomy) => T) =>
      Object.fromEntries(AGENTS.map((name) => [name, pick(governance.autonomy[name])])) as Record<Agent, T>;
    return idempotentWrites.setAutonomy({
      key: run.key('autonomy'),
      cell: input.cell,
      autonomyBps: of((one) => one.overrideBps),
      autonomyLevels: of((one) => one.level),
      by: by.name,
      reason,
    });
  });
  const action = { agent, from: from.level, to: autonomy.level, overrideBps: autonomy.overrideBps, by: by.name };
  await announce(run, 'autonomy.changed', agent, action, reason, by.role === 'system' ? 'meta' : 'operator');
}

/** One level down at once; at the lowest only the evidence starts anew. */
export async function distrust(run: MetaRun, agent: Agent, why: Distrust, reason: string): Promise<void> {
  const from = run.governance.autonomy[agent];
  const to = lowered(from, Date.now());
  if (to.level === from.level) run.governance.autonomy[agent] = to;
  else await setAutonomy(run, agent, to, META, `${why}: ${reason}`);
}

/** Proposes a level more where the evidence allows it; a person decides. */
export async function proposeRises(run: MetaRun): Promise<void> {
  const nowMs = Date.now();
  for (const agent of AGENTS) {
    const autonomy = run.governance.autonomy[agent];
    if (autonomy.cleanSinceMs === null) run.governance.autonomy[agent] = { ...autonomy, cleanSinceMs: nowMs };
    const rise = riseOf(autonomy, nowMs);
    if (rise === null) continue;
    const { level, overrideBps, reason } = rise;
    await propose(run, { kind: 'autonomy', agent, level, overrideBps }, reason, META.name, 'approval');
  }
}
