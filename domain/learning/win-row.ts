/** One bid and what became of it: a row of the win model's training window. */
export interface WinRow {
  /** The 24 features as the edge logged them (domain/features). */
  features: ArrayLike<number>;
  /** What was bid, CPM micros. */
  bidMicros: number;
  won: boolean;
  /** Minimum price that would have won, CPM micros, when the exchange disclosed it; else null: the price is censored. */
  minToWinMicros: number | null;
}

/** ln(USD CPM) of a CPM price in micros: the space in which the win model lives. */
export const lnPrice = (micros: number): number => Math.log(micros / 1e6);
