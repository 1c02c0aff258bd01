/** Pages: what calls a human. Raised once per key; a hanging channel must never hold up a rollout. */
import type { Agent } from '#domain/contracts';

/** Why a human is called. */
export type PageKind =
  | 'rollout-undecided'
  | 'rollout-frozen'
  | 'roll-back-slow'
  | 'roll-back-stragglers'
  | 'promotion-stragglers'
  | 'rollout-orphaned'
  | 'experiment-orphaned'
  | 'experiment-untrusted'
  | 'roll-back-target'
  | 'retraining-stopped'
  | 'stop-proposed';

export interface Page {
  /** Idempotency key: the same page twice is one. */
  key: string;
  kind: PageKind;
  cell: string;
  /** Null for an experiment: its arms may differ in several agents. */
  agent: Agent | null;
  /** The rollout, roll-back or experiment that needs somebody. */
  subject: string;
  /** One sentence that says what is wrong and what to do. */
  reason: string;
}

export interface PagePorts {
  /** Writes it to the ledger, counts it, hands it to the channels. */
  raise(page: Page): Promise<void>;
}

/** Closures over `ports`; their names are the activity types. */
export function createPageActivities(ports: PagePorts) {
  return {
    async raisePage(page: Page): Promise<void> {
      await ports.raise(page);
    },
  };
}

export type PageActivities = ReturnType<typeof createPageActivities>;
