import { AGENTS, type Agent } from '../contracts/agent-names';

/** How much the meta-agent may do to an agent on its own: suggest, act after approval, act unless vetoed, act alone. */
export const AUTONOMY_LEVELS = ['L0', 'L1', 'L2', 'L3'] as const;
export type AutonomyLevel = (typeof AUTONOMY_LEVELS)[number];

/** What becomes of an action under a level. */
export type Disposition = 'suggest' | 'await-approval' | 'await-veto' | 'act';

/** Autonomy of one agent, with the evidence since it last changed. */
export interface AgentAutonomy {
  level: AutonomyLevel;
  /** Share of decisions in which the model may override the rule baseline, basis points. */
  overrideBps: number;
  /** Since when nothing has spoken against the agent, epoch ms; null before the first tick. */
  cleanSinceMs: number | null;
  /** Actions that ended well since then: approved, or not vetoed. */
  accepted: number;
}

/** One reason to trust an agent less. */
export type Distrust = 'rollback' | 'override' | 'quarantine';

const HOUR_MS = 3_600_000;
/** Evidence for one level more: a clean week with so many accepted actions. */
const RISE = { cleanMs: 7 * 24 * HOUR_MS, accepted: 5 };

export const FULL_BPS = 10_000;
/** Step in which the override share rises beside a level. */
const RISE_BPS = 1000;

/** Every agent starts in the middle: it acts, and people have time to stop it. */
export const startAutonomy = (): Record<Agent, AgentAutonomy> =>
  Object.fromEntries(
    AGENTS.map((agent) => [agent, { level: 'L2', overrideBps: FULL_BPS, cleanSinceMs: null, accepted: 0 }]),
  ) as Record<Agent, AgentAutonomy>;

export function dispositionOf(level: AutonomyLevel): Disposition {
  switch (level) {
    case 'L0':
      return 'suggest';
    case 'L1':
      return 'await-approval';
    case 'L2':
      return 'await-veto';
    case 'L3':
      return 'act';
  }
}

const rank = (level: AutonomyLevel): number => AUTONOMY_LEVELS.indexOf(level);

/** One level down, at once, with the evidence starting anew; the lowest stays. The share is left to people. */
export function lowered(autonomy: AgentAutonomy, nowMs: number): AgentAutonomy {
  const level = AUTONOMY_LEVELS[Math.max(0, rank(autonomy.level) - 1)] ?? 'L0';
  return { ...autonomy, level, cleanSinceMs: nowMs, accepted: 0 };
}

/** What the evidence allows: one level and a tenth of the share more; null while it does not suffice or all is reached. */
export function riseOf(
  autonomy: AgentAutonomy,
  nowMs: number,
): { level: AutonomyLevel; overrideBps: number; reason: string } | null {
  const { level, overrideBps, cleanSinceMs, accepted } = autonomy;
  if (cleanSinceMs === null || nowMs - cleanSinceMs < RISE.cleanMs || accepted < RISE.accepted) return null;
  if (level === 'L3' && overrideBps >= FULL_BPS) return null;
  const days = Math.floor((nowMs - cleanSinceMs) / (24 * HOUR_MS));
  return {
    level: AUTONOMY_LEVELS[Math.min(AUTONOMY_LEVELS.length - 1, rank(level) + 1)] ?? 'L3',
    overrideBps: Math.min(FULL_BPS, overrideBps + RISE_BPS),
    reason: `${days} days without rollback, override or quarantine, ${accepted} actions accepted`,
  };
}

/** Whether a change gives the agent more: more needs a second pair of eyes, less does not. */
export function isRaise(
  current: Pick<AgentAutonomy, 'level' | 'overrideBps'>,
  wanted: { level?: AutonomyLevel; overrideBps?: number },
): boolean {
  return (
    (wanted.level !== undefined && rank(wanted.level) > rank(current.level)) ||
    (wanted.overrideBps !== undefined && wanted.overrideBps > current.overrideBps)
  );
}
