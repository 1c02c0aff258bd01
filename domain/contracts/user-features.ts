/**
 * What became of asking for a user's history. Order is part of the packed record: append only.
 * `known`: the values are all of what happened; `not-asked`: nobody would have bid; `not-allowed`: no user key, or no consent to profiles;
 * `late`: the store did not answer in the time that a lookup may take; `unreachable`: it could not be asked;
 * `forgotten`: what happened before was given up for lack of room.
 */
export const HISTORY_STATES = ['known', 'not-asked', 'not-allowed', 'late', 'unreachable', 'forgotten'] as const;
export type HistoryState = (typeof HISTORY_STATES)[number];

/** Whose exposures a history holds: those of one edge, or of all edges that share a store. Order as above. */
export const HISTORY_SCOPES = ['edge', 'fleet'] as const;
export type HistoryScope = (typeof HISTORY_SCOPES)[number];

/** Features of one user at one moment, defined in domain/features/feature-definitions.ts. Counts say at most what the definitions keep. */
export interface UserValues {
  exposures10m: number;
  exposures1h: number;
  exposures6h: number;
  exposures24h: number;
  exposures3d: number;
  exposures7d: number;
  /** Whole seconds since the last exposure; null without one in 7 days. */
  secondsSinceExposure: number | null;
  /** Clicks since the last exposure; 0 without one. */
  clicksSinceExposure: number;
  clicks7d: number;
}

/** What a decision knew of its user. Values are null, never zero, where the store could not tell. */
export interface UserFeatures {
  state: HistoryState;
  scope: HistoryScope;
  values: UserValues | null;
}
