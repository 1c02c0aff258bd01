/** Bids of one creative on one segment, and those to a user who had seen it three times or more in 24 h. */
export interface ExposureSums {
  bids: number;
  repeats: number;
}

/** Exposures in 24 h from which one more counts as a repeat (control-plane.md, `repeatExposure`). */
export const REPEAT_EXPOSURES = 3;
const MIN_BIDS = 200;
const LIMIT = 0.3;
const Z = 1.96;

/** Why a creative is saturated on a segment, or null: the lower Wilson bound of its share of repeats is above the limit. */
export function saturationReason({ bids, repeats }: ExposureSums): string | null {
  if (bids < MIN_BIDS) return null;
  const share = repeats / bids;
  const spread = (Z * Z) / bids;
  const centre = share + spread / 2;
  const lower = (centre - Math.sqrt(spread * (share * (1 - share) + spread / 4))) / (1 + spread);
  if (lower <= LIMIT) return null;
  return `${(share * 100).toFixed(1)} % of ${bids} bids were a fourth exposure or later, at least ${(lower * 100).toFixed(1)} %`;
}
