import type { Arm } from '#domain/contracts';
import type { BidLifeLimits } from '#domain/openrtb';
import { Account, type GrantName } from './account';
import type { AccountRows } from './account-rows';
import type { DecisionState } from './decision-state';
import { allowanceLeft, type ExplorationShare } from './exploration';
import { FrequencyCounts } from './frequency-counts';
import { Holds } from './holds';
import { LaneBudgets } from './lane-budgets';
import { LaneMap } from './lane-map';
import { UNPACED } from './pacing';
import type { Reservation } from './reservation';
import { SharedStatus, tablesOf, type SharedMemory } from './shared-memory';
import { ThreadLive } from './thread-live';

/** An account that the control thread opened, and where its numbers lie. */
export interface OpenedAccount extends GrantName {
  at: number;
  generation: number;
}

/** One value of the control thread's per campaign and arm. */
export type Lane<T> = [campaignId: string, arm: Arm, value: T];

/** What the control thread works out once a second for those who decide. */
export interface StateNews {
  pacing: Lane<{ multiplier: number; passThrough: number }>[];
  exploration: Lane<ExplorationShare>[];
  /** Wins per bid by arm and exchange, 0..1. */
  winRates: [arm: Arm, exchange: string, rate: number][];
}

/** The state as one bidding thread sees it: budgets and counters in shared memory, the rest as last heard from the control thread. */
export class ThreadState implements DecisionState {
  readonly budgets: LaneBudgets;
  readonly caps: FrequencyCounts;
  readonly exposures: FrequencyCounts;
  readonly holds: Holds;
  readonly live: ThreadLive;
  private readonly rows: AccountRows;
  private readonly status: SharedStatus;
  private paced = new LaneMap<{ multiplier: number; passThrough: number }>();
  private explored = new LaneMap<ExplorationShare>();

  constructor(
    memory: SharedMemory,
    thread: number,
    limits: { maxCapEntries: number; maxReservations: number; life: BidLifeLimits },
    private readonly send: (reservation: Reservation) => void,
  ) {
    const { rows, budgetLock, caps, exposures, countLock } = tablesOf(memory);
    this.rows = rows;
    this.status = new SharedStatus(memory);
    this.budgets = new LaneBudgets(budgetLock);
    this.caps = new FrequencyCounts(limits.maxCapEntries, caps, countLock);
    this.exposures = new FrequencyCounts(limits.maxCapEntries, exposures, countLock);
    this.holds = new Holds(this.budgets, this.caps, limits.life, () => this.openReservations < limits.maxReservations);
    this.live = new ThreadLive(memory, thread);
  }

  readonly pacing = {
    read: (campaignId: string, arm: Arm): { multiplier: number; passThrough: number } =>
      this.paced.get(campaignId, arm) ?? UNPACED,
  };

  readonly exploration = {
    left: (campaignId: string, arm: Arm, allowance: number): number =>
      allowanceLeft(this.explored.get(campaignId, arm), allowance),
  };

  get openReservations(): number {
    return this.status.openReservations;
  }

  onBid(reservation: Reservation): void {
    this.send(reservation);
  }

  onOpened({ at, generation, ...name }: OpenedAccount): void {
    this.budgets.open(new Account(name, this.rows, at, generation));
  }

  onNews({ pacing, exploration, winRates }: StateNews): void {
    this.paced = laneMapOf(pacing);
    this.explored = laneMapOf(exploration);
    this.live.onWinRates(winRates);
  }
}

function laneMapOf<T>(lanes: readonly Lane<T>[]): LaneMap<T> {
  const map = new LaneMap<T>();
  for (const [campaignId, arm, value] of lanes) map.set(campaignId, arm, value);
  return map;
}
