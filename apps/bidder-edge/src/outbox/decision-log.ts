import type { DecisionRecord } from '#domain/contracts';

/** Where decisions are recorded: the outbox, or a thread's way to it. */
export interface DecisionLog {
  /** Whether bids may be made: what they hold and do would be written. */
  readonly isOpen: boolean;
  /** Queues one decision. False when it was shed. */
  appendDecision(kind: 'bid' | 'no-bid', record: DecisionRecord): boolean;
}
