import type { ModelDrift } from './feature-drift';
import type { FleetHealth } from './fleet-health';
import { confirmed, mayAct, readMemory, type FleetMemory } from './fleet-memory';
import { performanceDrop } from './fleet-policy';
import { newMonitor, stepMonitor, type MonitorState } from './kpi-monitor';

/** What the retraining policy remembers between ticks; travels as JSON. */
export interface RetrainMemory extends FleetMemory {
  monitors: Record<string, MonitorState>;
  /** When a window was last fed to the monitors: windows must not overlap. */
  fedAtMs: number | null;
  /** Retrainings asked for in the last 24 h. */
  askedAtMs: number[];
}

/** A retraining that is asked for: `trigger` acts by the agent's autonomy, `propose` waits for a person; `page` calls one. */
export interface RetrainAction {
  kind: 'trigger' | 'propose' | 'page';
  agent: 'bid';
  reason: string;
}

const DAY_MS = 86_400_000;
const MOST_A_DAY = 2;
const FAILED_LIMIT = 3;
const MIN_BIDS = 500;

/** Memory from whatever was carried. */
export function readRetrainMemory(carried: unknown): RetrainMemory {
  const given = (typeof carried === 'object' && carried !== null ? carried : {}) as Partial<RetrainMemory>;
  return {
    ...readMemory(carried),
    monitors: typeof given.monitors === 'object' && given.monitors !== null ? { ...given.monitors } : {},
    fedAtMs: typeof given.fedAtMs === 'number' ? given.fedAtMs : null,
    askedAtMs: Array.isArray(given.askedAtMs) ? given.askedAtMs.filter((at) => typeof at === 'number') : [],
  };
}

/**
 * When to learn anew. Drift of inputs alone proposes; a drop of performance, or both, triggers. Each must be seen in 2 of 3 windows;
 * 24 h between two, at most 2 a day; after 3 failed candidates it stops and pages. Source: control-plane.md, "Meta-agent".
 * Pure; `memory` as returned last time. `drift` is null on ticks that did not measure it.
 */
export function judgeRetraining(input: {
  health: FleetHealth;
  drift: ModelDrift | null;
  /** Candidates in a row that failed since the last one that served. */
  failedCandidates: number;
  memory: unknown;
  nowMs: number;
}): { action: RetrainAction | null; memory: RetrainMemory } {
  const { health, drift, failedCandidates, nowMs } = input;
  const memory = readRetrainMemory(input.memory);
  const drop = performanceDrop(health) ?? fallOfMonitors(memory, health, nowMs);
  const worse = confirmed(memory, 'performance', drop !== null);
  const drifted = drift !== null && drift.drifted.length > 0;
  const moved = drift === null ? false : confirmed(memory, 'drift', drifted);
  if (!worse && !moved) return { action: null, memory };
  const reasons = [worse ? drop : null, drifted ? drift.reason : null].filter((reason) => reason !== null);
  const reason = `${reasons.join('; ')}, in 2 of 3 windows`;
  if (failedCandidates >= FAILED_LIMIT) {
    const page = `${failedCandidates} candidates in a row failed: retraining stops until a person looks (${reason})`;
    const isNew = mayAct(memory, 'page', nowMs, DAY_MS);
    return { action: isNew ? { kind: 'page', agent: 'bid', reason: page } : null, memory };
  }
  memory.askedAtMs = memory.askedAtMs.filter((at) => at > nowMs - DAY_MS);
  // A proposal rests on its own: a drop of performance after it must still be heard.
  const concern = worse ? 'retrain:bid' : 'propose:bid';
  const triggered = memory.actedAtMs['retrain:bid'];
  if (!worse && triggered !== undefined && nowMs - triggered < DAY_MS) return { action: null, memory };
  if (memory.askedAtMs.length >= MOST_A_DAY || !mayAct(memory, concern, nowMs, DAY_MS)) return { action: null, memory };
  memory.askedAtMs.push(nowMs);
  memory.votes.performance = [];
  memory.votes.drift = [];
  return { action: { kind: worse ? 'trigger' : 'propose', agent: 'bid', reason }, memory };
}

/** Feeds whole windows to the monitors of the win rate, clicks per impression and value per spend; the first alarm, or null. */
function fallOfMonitors(memory: RetrainMemory, { current, windowSeconds }: FleetHealth, nowMs: number): string | null {
  const due = memory.fedAtMs === null || nowMs - memory.fedAtMs >= windowSeconds * 1000;
  if (due && current.bids >= MIN_BIDS) {
    memory.fedAtMs = nowMs;
    const values: [string, number, number][] = [
      ['win rate', current.wins, current.bids],
      ['clicks per impression', current.clicks, current.impressions],
      ['value per spend', current.valueNanos, current.spendNanos],
    ];
    for (const [name, events, trials] of values) {
      if (!(trials > 0)) continue;
      memory.monitors[name] = stepMonitor(name, memory.monitors[name] ?? newMonitor(), events / trials).state;
    }
  }
  return Object.values(memory.monitors).find((monitor) => monitor.latch > 0)?.alarm ?? null;
}
