import { KILL_LEVELS } from './policy-snapshot';
import type { KillOrder } from './edge-protocol';

/** What a kill order stops; each level includes the weaker ones. */
export type KillLevel = (typeof KILL_LEVELS)[number];

/** Strength of a level, 0 for `none`. */
export const killRank = (level: KillLevel): number => KILL_LEVELS.indexOf(level);

/** Two orders with the same key replace each other; others stand side by side. */
export const killScopeKey = ({ scope }: Pick<KillOrder, 'scope'>): string =>
  `${scope.fleet}|${scope.cell ?? ''}|${scope.campaignId ?? ''}`;

/**
 * Whether `order` gives back what `previous` (of the same scope; undefined = nothing in force) has stopped. Raising needs one
 * operator, lowering two (edge.md, "Kill file").
 */
export function lowersKill(order: KillOrder, previous: KillOrder | undefined): boolean {
  if (killRank(order.level) < killRank(previous?.level ?? 'none')) return true;
  // From safe bids on no agent's model decides anything; below, an agent that is not named any more comes back.
  if (previous === undefined || killRank(order.level) >= killRank('safe-bids-only')) return false;
  return previous.agents.some((agent) => !order.agents.includes(agent));
}

/** Why an order means nothing, or null: a campaign can be stopped or resumed only, the other levels act on agents and arms. */
export function killOrderFault({ level, scope, agents }: KillOrder): string | null {
  if (scope.campaignId !== undefined && level !== 'stop-bidding' && level !== 'none')
    return 'a campaign can only be stopped (stop-bidding) or resumed';
  if (level === 'quarantine-agent' && agents.length === 0) return 'quarantine-agent must name an agent';
  return null;
}
