import type { WinRow } from '../win-row';

/** A bid of a window with what tells whether its label may be trusted. */
export interface WindowBid extends WinRow {
  decisionId: string;
  decidedAtMs: number;
  /** Keyed hash of the user; null without id or consent. */
  userKey: string | null;
  clicked: boolean;
  /** When the first win, bill or loss notice came, epoch ms; null when none did. */
  noticeAtMs: number | null;
  /** Probability mass of the price that was played; null when it was not logged. */
  gridMass: number | null;
}

/** What is known about a window beside its rows. */
export interface WindowProfile {
  fromMs: number;
  toMs: number;
  frozenAtMs: number;
  /** Age at which a bid without notice counts as lost, ms. */
  maturityMs: number;
  /** Bids found in the range, usable or not, before thinning. */
  seen: number;
  /** Of these, bids whose feature row is missing, of another width or not finite. */
  unusable: number;
  /** Bids that the index of ingested decisions names for the range. */
  expected: number;
  /** Names of the features, in row order. */
  featureNames: readonly string[];
}
