import type { Agent, KpiSums } from '../contracts';
import type { AgentHealthSums, FleetHealth } from './fleet-health';
import { confirmed, mayAct, readMemory, type FleetMemory } from './fleet-memory';

/** What the meta-agent wants done; each with the sentence that goes into the ledger. */
export type FleetAction =
  | { kind: 'quarantine'; agent: Agent; reason: string }
  | { kind: 'propose-stop'; reason: string }
  | { kind: 'retrain'; agent: 'bid' | 'budget'; reason: string };

/** Actions (empty = none), the memory for the next tick, and one sentence about the tick. */
export interface FleetJudgement {
  actions: FleetAction[];
  memory: FleetMemory;
  reason: string;
}

const HOUR_MS = 3_600_000;
/** A failing agent: shares of its decisions in one window, with at least so many decisions. */
const QUARANTINE = { errorShare: 0.05, fallbackShare: 0.2, minDecisions: 200, coolDownMs: HOUR_MS / 6 };
/** Spending without being able to decide: share of the fleet's decisions that failed. */
const STOP = { errorShare: 0.5, roiShare: 0.25, minDecisions: 1000, coolDownMs: HOUR_MS };
/** A drop worth a retraining: relative size and significance apart (control-plane.md, "Drift"). */
const RETRAIN = { drop: 0.15, standardErrors: 4, minEvents: 100, coolDownMs: 24 * HOUR_MS };

/**
 * First version of the meta-agent's policy. Every concern must be seen in 2 of 3 ticks and rests for a cool-down after it was
 * acted on. A window without enough data votes no.
 * Pure; `memory` is what the last call returned (or null), also after a trip through JSON.
 */
export function judgeFleet(input: {
  health: FleetHealth;
  quarantined: readonly Agent[];
  memory: unknown;
  nowMs: number;
  /** False where `judgeRetraining` decides about retraining instead. */
  retrains?: boolean;
}): FleetJudgement {
  const { health, quarantined, nowMs } = input;
  const memory = readMemory(input.memory);
  const actions: FleetAction[] = [];
  for (const agent of health.agents) {
    const why = agentFailure(agent);
    const concern = `quarantine:${agent.agent}`;
    if (!confirmed(memory, concern, why !== null) || why === null || quarantined.includes(agent.agent)) continue;
    if (mayAct(memory, concern, nowMs, QUARANTINE.coolDownMs))
      actions.push({ kind: 'quarantine', agent: agent.agent, reason: `${why}, in 2 of 3 windows` });
  }
  const stop = stopReason(health);
  if (confirmed(memory, 'stop', stop !== null) && stop && mayAct(memory, 'stop', nowMs, STOP.coolDownMs))
    actions.push({ kind: 'propose-stop', reason: `${stop}, in 2 of 3 windows` });
  const drop = input.retrains === false ? null : performanceDrop(health);
  if (
    input.retrains !== false &&
    confirmed(memory, 'retrain:bid', drop !== null) &&
    drop &&
    mayAct(memory, 'retrain:bid', nowMs, RETRAIN.coolDownMs)
  )
    actions.push({ kind: 'retrain', agent: 'bid', reason: `${drop}, in 2 of 3 windows` });
  return { actions, memory, reason: sentence(actions, health) };
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function agentFailure({ agent, decisions, fallbacks, errors }: AgentHealthSums): string | null {
  if (!(decisions >= QUARANTINE.minDecisions)) return null;
  const failed = errors / decisions;
  if (failed >= QUARANTINE.errorShare)
    return `${agent} failed in ${percent(failed)} of ${decisions} decisions, limit ${percent(QUARANTINE.errorShare)}`;
  const fellBack = fallbacks / decisions;
  if (fellBack < QUARANTINE.fallbackShare) return null;
  return `${agent} fell back in ${percent(fellBack)} of ${decisions} decisions, limit ${percent(QUARANTINE.fallbackShare)}`;
}

function stopReason({ current, previous }: FleetHealth): string | null {
  if (!(current.requests >= STOP.minDecisions) || !(current.spendNanos > 0)) return null;
  const failed = current.errors / current.requests;
  if (failed >= STOP.errorShare)
    return `${percent(failed)} of the fleet's ${current.requests} decisions failed while it spends`;
  const now = current.valueNanos / current.spendNanos;
  const before = previous.spendNanos > 0 ? previous.valueNanos / previous.spendNanos : 0;
  // At the former rate of return this window's spend would have earned so many events; too few prove nothing.
  const expected = (previous.clicks * current.spendNanos) / Math.max(1, previous.spendNanos);
  if (!(before > 0) || expected < RETRAIN.minEvents || now >= STOP.roiShare * before) return null;
  return `value per spend fell from ${before.toFixed(2)} to ${now.toFixed(2)} while the fleet keeps spending`;
}

/** Fall of the win rate or of clicks per eligible request that is both large and significant, as a sentence, or null. */
export function performanceDrop({ current, previous }: FleetHealth): string | null {
  return (
    dropOf('win rate', current, previous, 'wins', 'bids') ??
    dropOf('clicks per eligible request', current, previous, 'clicks', 'eligible')
  );
}

function dropOf(
  name: string,
  current: KpiSums,
  previous: KpiSums,
  events: keyof KpiSums,
  trials: keyof KpiSums,
): string | null {
  if (!(current[trials] > 0) || !(previous[trials] > 0) || previous[events] < RETRAIN.minEvents) return null;
  const before = previous[events] / previous[trials];
  const expected = before * current[trials];
  if (expected < RETRAIN.minEvents) return null;
  const change = current[events] / expected - 1;
  // Both windows' counts are random: variance of the difference of two Poisson rates, in events of the current window.
  const standardError = Math.sqrt(expected * (1 + current[trials] / previous[trials]));
  const z = (current[events] - expected) / standardError;
  if (change > -RETRAIN.drop || z > -RETRAIN.standardErrors) return null;
  return `${name} fell by ${percent(-change)} (${before.toPrecision(3)} to ${(current[events] / current[trials]).toPrecision(3)}, ${(-z).toFixed(1)} standard errors)`;
}

function sentence(actions: readonly FleetAction[], { agents, current, windowSeconds }: FleetHealth): string {
  if (actions.length > 0) return actions.map((action) => `${action.kind}: ${action.reason}`).join('; ');
  if (current.requests === 0) return `no decision in the last ${windowSeconds} s: nothing can be said`;
  const watched = agents.map((agent) => agent.agent).join(', ') || 'no agent';
  return `${current.requests} decisions in ${windowSeconds} s; ${watched} within limits or not confirmed`;
}
