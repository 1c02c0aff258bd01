import type { Agent } from '#domain/contracts/agent-names';
import type { AgentAutonomy } from '#domain/meta/autonomy';
import type { Proposal } from '#domain/meta/proposal';

/** What a governed run knows beyond the view; travels through continue-as-new. */
export interface Governance {
  autonomy: Record<Agent, AgentAutonomy>;
  proposals: Proposal[];
  /** Memory of the retraining policy (domain/meta). */
  retraining: unknown;
  /** Rollouts that ended from here on have not been counted yet, epoch ms. */
  outcomesSinceMs: number | null;
  /** When drift was measured last, epoch ms. */
  driftAtMs: number | null;
}
