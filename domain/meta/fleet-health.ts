import type { Agent, KpiSums } from '../contracts';

/** How often one agent decided in a window, and how often its model was not what decided. */
export interface AgentHealthSums {
  agent: Agent;
  decisions: number;
  /** Decisions taken by the rule baseline though a model was to decide. */
  fallbacks: number;
  /** Decisions left to the safe bid because the agent failed. */
  errors: number;
}

/** What the meta-agent reads at a tick. */
export interface FleetHealth {
  /** Length of both windows, seconds. */
  windowSeconds: number;
  agents: AgentHealthSums[];
  /** Fleet totals of the newest window and of the one before it. */
  current: KpiSums;
  previous: KpiSums;
}
