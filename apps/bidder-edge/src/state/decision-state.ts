import type { Exploration } from './exploration';
import type { FrequencyCounts } from './frequency-counts';
import type { Holds } from './holds';
import type { LaneBudgets } from './lane-budgets';
import type { LiveCounters } from './live-counters';
import type { Pacing } from './pacing';
import type { Reservation } from './reservation';

/** What deciding reads and takes of the edge's state: the whole state of an edge with one thread, or a thread's view of shared memory. */
export interface DecisionState {
  readonly budgets: Pick<LaneBudgets, 'freeNanos'>;
  readonly caps: Pick<FrequencyCounts, 'count'>;
  readonly exposures: Pick<FrequencyCounts, 'count'>;
  readonly holds: Pick<Holds, 'tryReserve' | 'cancel'>;
  readonly pacing: Pick<Pacing, 'read'>;
  readonly exploration: Pick<Exploration, 'left'>;
  readonly live: Pick<LiveCounters, 'onRequest' | 'onBid' | 'read'>;
  /** Bids waiting for a notice. */
  readonly openReservations: number;
  /** A bid goes out: its reservation has a name now. */
  onBid(reservation: Reservation): void;
}

/** Key under which the fatigue of one creative counts: 24 hours. */
export const exposureKeyOf = (creativeId: string): string => `creative:${creativeId}:1440`;
