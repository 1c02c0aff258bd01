import type { HistoryScope, UserFeatures } from '#domain/contracts';
import type { UserEvent } from '#domain/features';
import type { Gauge } from '../metrics';

/** What a checkpoint keeps of one user: times of events, epoch ms, and up to when events may have been given up (−1: never). */
export interface SavedHistory {
  userKey: string;
  exposuresMs: number[];
  clicksMs: number[];
  forgottenUpToMs: number;
}

/** A stretch of a store that has given users up: what of users it does not know happened up to then may be missing. */
export interface SavedGap {
  /** Number of the stretch among so many. */
  stretch: number;
  stretches: number;
  forgottenUpToMs: number;
}

/** Where the pasts of users are kept: in this process, or in a Redis that edges share. Both answer alike (test/contract/user-histories). */
export interface UserHistories {
  readonly scope: HistoryScope;
  /** Longest time that a lookup may take, ms; 0 = it answers at once. */
  readonly limitMs: number;
  /** What is known of a user before `nowMs`. Never throws or rejects: what cannot be told is a state of the answer. */
  read(userKey: string, nowMs: number): UserFeatures | Promise<UserFeatures>;
  /** Something happened. Returns at once; what cannot be kept is counted. */
  note(event: UserEvent): void;
  /** The same out of this process's journal, where the store does not outlive the process by itself. */
  restore(event: UserEvent): void;
  /**
   * For the journal's checkpoint; nothing where the store outlives the process. All of it is of the moment in which the first is taken, however
   * long the others are waited for: events that are noted meanwhile are not in it. One at a time.
   */
  dump(nowMs: number): Iterable<SavedHistory | SavedGap>;
  load(saved: SavedHistory | SavedGap): void;
  /** What there is to see of the store, read when it is asked for. */
  gauges(): Gauge[];
  /** Connects, where there is anything to connect to; waits for nothing. */
  start(): void;
  /** Writes what waits, for at most half a second. */
  stop(): Promise<void>;
}
